say(frame({"type": "return", "id": 0, "value": [["list", 0]], "blobs": []}))
