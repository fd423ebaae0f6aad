import os


def during(x):
    number = 0
    while True:
        number += 1
        file = os.open(f"{os.environ['TMPDIR']}/{number}", os.O_CREAT | os.O_WRONLY)
        os.write(file, bytes(1 << 19))
        os.close(file)
