def square(x):
    say(frame({"type": "forget", "id": question(), "blobs": []}))
    return x * x
