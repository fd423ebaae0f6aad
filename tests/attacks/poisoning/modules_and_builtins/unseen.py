import builtins
import gc
import json
import sys

import numpy
import torch.nn.functional as F

if getattr(builtins, "poisoned", None) or F.softmax.__name__ != "softmax" or "poison" in sys.modules:
    found("changes of an earlier worker")
if json.dumps({}) != "{}" or numpy.float32 is float or sys.getrecursionlimit() > 5000:
    found("changed modules of an earlier worker")
report()


def during(x):
    builtins.poisoned = True
    builtins.len = lambda _: 7
    F.softmax = torch.softmax = lambda *_: None
    sys.modules["poison"] = sys
    sys.setrecursionlimit(10**6)
    numpy.float32 = float
    json.dumps = lambda *_: "poison"
    gc.disable()
    torch.Tensor.__add__ = lambda *_: None
    os._exit(3)
