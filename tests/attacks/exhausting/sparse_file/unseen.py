import os


def during(x):
    os.truncate(os.open("big", os.O_CREAT | os.O_WRONLY), 1 << 40)
