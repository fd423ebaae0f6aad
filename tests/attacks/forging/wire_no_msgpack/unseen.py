def square(x):
    say(frame(b"\xc1" * 32))
    return x * x
