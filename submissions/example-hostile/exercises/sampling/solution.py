"""Tries to forge a report, to read the hidden tests, and to win every comparison."""

import atexit
import os
import sys
from pathlib import Path

import torch

REPORT = '<testsuites><testsuite name="sampling" tests="1" failures="0"/></testsuites>'


def forge():
    for folder in ("reports/junit", "/reports", os.environ.get("GITHUB_WORKSPACE", "/") + "/reports"):
        try:
            Path(folder).mkdir(parents=True, exist_ok=True)
            Path(folder, "example-hostile.xml").write_text(REPORT)
        except OSError:
            pass
    print("::set-output name=score::100")
    print("30 passed in 0.01s")


def look_for_answers():
    for root in ("/", "/proc/self/root", "..", "../../exercises/sampling/hidden_tests", "/proc/1/root"):
        for path in Path(root).rglob("hidden_tests/*.py"):
            print(path.read_text())
    frame = sys._getframe()
    while frame:
        print(list(frame.f_locals))
        frame = frame.f_back


class Equal(torch.Tensor):
    def __eq__(self, other):
        return True

    @classmethod
    def __torch_function__(cls, func, types, args=(), kwargs=None):
        return True


atexit.register(forge)
torch.allclose = torch.equal = lambda *args, **kwargs: True
look_for_answers()


def apply_temperature(logits, temperature):
    return Equal()


top_k_filter = top_p_filter = sample = beam_search = apply_temperature
