class Meta(type):
    __name__ = property(lambda cls: "WrongAnswer")
    __mro__ = property(lambda cls: (NotImplementedError, Exception))

    def mro(cls):
        return [cls, *type.mro(Exception)]


class Liar(Exception, metaclass=Meta):
    __class__ = NotImplementedError
    errno = property(lambda self: 1 / 0)


def normalise(x):
    raise Liar
