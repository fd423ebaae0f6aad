def square(x):
    say(answer([1], blobs=[float("nan")]))
    return x * x
