class Counter(Counter):
    def __init__(self):
        super().__init__()
        instead(answer([["handle", 10**6, "Counter"]]))
