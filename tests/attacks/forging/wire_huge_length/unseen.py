def square(x):
    say(b"\xff\xff\xff\xff")
    return x * x
