"""Make every cache exactly as long as needed.

en: Every call of generate makes a cache of exactly the length it needs, so prompts of other lengths are
    compiled anew, for seconds each: round the length up, to a multiple of 64, say.
zh: generate 每次都按恰好需要的长度创建缓存，提示长度一变就要重新编译，每次好几秒：请把长度向上取整，例如取
    64 的倍数。
caught by: test_compiled_generate
"""


def capacity(length, limit):
    return length
