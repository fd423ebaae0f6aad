from .helper import attend
