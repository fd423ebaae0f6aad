import mmap
import os


def during(x):
    file = os.open("/dev/zero", os.O_RDWR)
    kept = [mmap.mmap(file, 16 << 20) for _ in range(64)]
    for each in kept:
        each.write(bytes(16 << 20))
