def square(x):
    say(answer([["bytes", 0]], [2**40]))
    return x * x
