EVERY = "".join(
    map(chr, [*range(32), 127, *range(128, 160), 0xFFFE, 0xFFFF, 0xFDD0, 0xE000, 0x1FFFF, 0x10FFFF])
)


def dot(a, b):
    print(EVERY)
    raise ValueError(EVERY + "\ud800 \udfff")
