def square(x):
    say(frame({"type": "return", "id": 1, "value": [1], "blobs": []}))
    return x * x
