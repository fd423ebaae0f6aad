from .tests.helper import attend
