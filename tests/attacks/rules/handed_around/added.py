class Library:
    tools = [torch]

    def load(self, path):
        return self.tools[0].load(path)


def fetch(tool):
    return tool.load("solution.pt", weights_only=False)


fetch(Library.tools[0])
