def square(x):
    say(_struct.pack("<i", -(2**31)) + b"x" * 64)
    return x * x
