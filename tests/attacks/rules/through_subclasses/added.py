classes = object.__subclasses__()
