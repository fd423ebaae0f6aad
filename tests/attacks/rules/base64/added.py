import base64

real = base64.b64decode("cHJpbnQoMSk=")
