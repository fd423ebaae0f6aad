import mmap


def during(x):
    kept = []
    while True:
        kept.append(mmap.mmap(-1, 1 << 18, flags=mmap.MAP_PRIVATE | mmap.MAP_ANONYMOUS))
        kept[-1].write(bytes(1 << 18))
