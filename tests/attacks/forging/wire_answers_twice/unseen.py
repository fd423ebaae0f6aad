def square(x):
    say(answer([["tensor", 0, "float32", list(x.shape)]], [4 * x.numel()], (x * x).numpy().tobytes()))
    return x * x
