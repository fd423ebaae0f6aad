import os


def during(x):
    number = 0
    while True:
        number += 1
        os.close(os.open(f"{number}", os.O_CREAT | os.O_WRONLY))
