"""Students' repositories: enrol them, pull them, remember what came when."""

from grader.git.enrol import Student, add, read_students, remove
from grader.git.failures import Blame, Reason
from grader.git.modules import enrolled, read_modules
from grader.git.pull import JOBS, Wish, exit_code, pull
from grader.git.record import Fetched, Outcome, Pull, parse_time, read_record, record_path

__all__ = [
    "JOBS", "Blame", "Fetched", "Outcome", "Pull", "Reason", "Student", "Wish", "add", "enrolled",
    "exit_code", "parse_time", "pull", "read_modules", "read_record", "read_students", "record_path",
    "remove",
]  # fmt: skip
