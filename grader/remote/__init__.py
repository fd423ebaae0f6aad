"""The trusted end of the wire: a student's solution as an object, though it lives beyond the wall.

session = Session(worker, limits)
session.load(files, module="exercises.sampling.solution", interface=exercise.interface)
student = RemoteModule(session)
student.sample(logits, temperature=0.5)
"""

from grader.inside.wire import Evidence, FrameLimits
from grader.remote.exposed import ExposedObject, expose
from grader.remote.failures import AnswerError, Step, StudentError, Violation
from grader.remote.instance import Instance
from grader.remote.module import RemoteModule
from grader.remote.session import Line, Session

__all__ = [
    "AnswerError",
    "Evidence",
    "ExposedObject",
    "FrameLimits",
    "Instance",
    "Line",
    "RemoteModule",
    "Session",
    "Step",
    "StudentError",
    "Violation",
    "expose",
]
