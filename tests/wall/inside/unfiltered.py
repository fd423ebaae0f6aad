"""A serve module that sabotages one step of the confinement, as a kernel that ignores it would."""

from shell import serve  # noqa: F401

from grader.inside import seccomp

seccomp.load = lambda policy: None
