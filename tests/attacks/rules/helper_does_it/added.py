from .deep.helper import modeling
