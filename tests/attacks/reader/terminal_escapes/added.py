NASTY = (
    "\x1b[2J\x1b[H\x1b[31mgone\x1b[0m\x1b[1A\x1b[2K"  # clear, colour, one line up, wipe it
    "\x1b]0;owned\x07\x1b]8;;https://evil.example\x1b\\click\x1b]8;;\x1b\\\x1b]52;c;cm0gLXJm\x07"  # title, link, clipboard
    "\x1bP+q544e\x1b\\\x1b[6n\x1b[c\x9b31m\x9d0;c1\x9c\x1b[?1049h\x1b(0lqqk"  # questions, C1, other screen, line drawing
)


def dot(a, b):
    print(NASTY)
    raise ValueError(NASTY)
