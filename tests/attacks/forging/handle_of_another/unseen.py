MADE = []


class Counter(Counter):
    def __init__(self):
        super().__init__()
        MADE.append(self)
        if len(MADE) == 2:
            instead(answer([["handle", 0, "Counter"]]))

    def add(self, number):
        self.seen.append(number)
        return self
