"""The student repository, made from the course: what students may see, and nothing else."""

from grader.handout.repository import add_kits, write_handout

__all__ = ["add_kits", "write_handout"]
