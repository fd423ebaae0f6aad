FORMULAS = """=cmd|' /C calc'!A0
+1+1
-1+1
@SUM(1+1)*cmd|' /C calc'!A0
=HYPERLINK("https://evil.example","100")
;=1+1
\t=1+1
"""


def dot(a, b):
    print(FORMULAS)
    raise ValueError(FORMULAS)
