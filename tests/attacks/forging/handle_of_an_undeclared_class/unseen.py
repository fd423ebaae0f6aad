class Counter(Counter):
    def __init__(self):
        super().__init__()
        instead(answer([["handle", 0, "Secret"]]))
