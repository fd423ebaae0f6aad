import threading

print("waiting for the end of time")
threading.Event().wait()
