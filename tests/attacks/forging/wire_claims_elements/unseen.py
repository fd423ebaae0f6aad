def square(x):
    say(answer([["tensor", 0, "float32", [2**20, 2**20]]], [4], bytes(4)))
    return x * x
