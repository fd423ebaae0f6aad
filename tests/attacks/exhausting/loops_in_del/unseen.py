class Sticky(list):
    def __del__(self):
        while True:
            pass


def during(x):
    Sticky()
    return 3 * x
