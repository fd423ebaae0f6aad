def square(x):
    say(answer([["device", "cpu\n"]]))
    return x * x
