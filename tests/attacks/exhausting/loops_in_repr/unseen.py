class Endless(Exception):
    def __str__(self):
        while True:
            pass

    __repr__ = __str__


def during(x):
    raise Endless
