import os


def dot(a, b):
    os.write(1, b"\xff\xfe\xc3\x28 \xed\xa0\x80 \xf8\x88\x80\x80\x80 \xc0\x80 \xe2\x82")
    raise ValueError("\ud800\udc00 \udcff".encode("utf-8", "surrogatepass").decode("utf-8", "surrogatepass"))
