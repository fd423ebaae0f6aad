"""A student's checkout: which there are, what they are called, and a byte-exact copy of what is graded."""

from grader.submission.commit import commit
from grader.submission.listing import Submission, list_submissions, valid_name
from grader.submission.snapshot import Hazard, Snapshot, snapshot, snapshots

__all__ = [
    "Hazard",
    "Snapshot",
    "Submission",
    "commit",
    "list_submissions",
    "snapshot",
    "snapshots",
    "valid_name",
]
