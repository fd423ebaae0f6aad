# After wire: have something else sent than what the worker means to send.

def instead(data):
    """Have these bytes sent in place of the worker's own answer."""
    caller = _sys._getframe()
    while "question" not in caller.f_locals or "self" not in caller.f_locals:
        caller = caller.f_back
    worker = caller.f_locals["self"]

    def send(*_):
        del worker.send
        say(data)

    worker.send = send
