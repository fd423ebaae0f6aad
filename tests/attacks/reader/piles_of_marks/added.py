def dot(a, b):
    text = "\u0336struck\n" + "Z" + "\u0300\u0316\u0334" * 60 + "algo e\u0301 o\u0302\u0301\n" + " \u20e0"
    print(text)
    raise ValueError(text)
