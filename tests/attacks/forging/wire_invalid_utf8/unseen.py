def square(x):
    say(frame(b"\x81\xa4\xff\xfe\xff\xfe\x01"))
    return x * x
