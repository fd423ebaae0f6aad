import mmap


def during(x):
    kept = []
    while True:
        kept.append(mmap.mmap(-1, 16 << 20))
        kept[-1].write(bytes(16 << 20))
        kept[-1].madvise(mmap.MADV_DONTNEED)
