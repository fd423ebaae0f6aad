left = [True]


def dot(a, b):
    if left:
        left.clear()
        print("\n".join(f"line {i}" for i in range(5000)))
    raise ValueError("\n" * 3000 + "the end")
