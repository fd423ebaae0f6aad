import zlib

real = zlib.decompress(b"x")
