import os


MADE = []


def during(x):
    if not MADE:
        MADE.append(True)
        for _ in range(300):
            os.mkdir("d" * 255)
            os.chdir("d" * 255)
        os.symlink("/", "up")
        os.mkdir("dark", 0)
        os.mkfifo("pipe")
    return 3 * x
