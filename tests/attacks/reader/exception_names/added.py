NAMES = [
    "::error file=grader/cli.py::x",
    "\x1b[2Jpassed",
    "Passed\r\n::add-mask::1",
    "<b>bold</b>",
    "=1+1",
    "\u202eE",
]


def dot(a, b):
    name = NAMES.pop(0) if NAMES else "E"
    raise type(name, (type(name, (Exception,), {}),), {})("told")
