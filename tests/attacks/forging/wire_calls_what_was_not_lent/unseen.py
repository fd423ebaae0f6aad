def square(x):
    say(frame({"type": "callback", "id": question(), "target": 0, "method": "__call__", "arguments": [["tuple", 2], ["list", 0], ["dict", 0]], "blobs": []}))
    return x * x
