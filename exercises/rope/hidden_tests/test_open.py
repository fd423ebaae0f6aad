"""R7 and R8: the model works with caches and rotations it has never heard of."""

import torch
from rope_caches import MOST, ForgettingCache, NoRope, ShiftedCache
from rope_fixtures import (
    LOGITS,
    assert_values,
    feed,
    logits64,
    make_model,
    plain,
    random_ids,
    streamed,
    student_model,
)

from grader.checks import WrongAnswer, assert_equal, clue
from grader.job import Text


class Watched:
    """The student's model with a cache of ours: notes where each forward pass begins."""

    def __init__(self, theirs, cache, expose):
        self.theirs, self.cache = theirs, cache
        self.lent = expose(cache, cache.checks, most=MOST)

    def __call__(self, ids, **given):
        """Run one forward pass."""
        self.cache.begin(ids)
        return self.theirs(ids, **given)

    def assert_protocol(self, layers):
        """Fail unless each pass asked for positions once, first, then updated each layer once, in order."""
        due = ["query_positions", *(f"update({i})" for i in range(layers))]
        for asked in self.cache.passes:
            assert_equal(asked, due, what="calls of query_positions and update in one forward pass, in order")


def test_foreign_cache(student, rng, device, expose):
    """A cache that stores everything backwards and elsewhere: the model only talks to its protocol."""
    model = make_model("gqa", rng.seed())
    theirs = student_model(student, model, device)
    ids, position_ids = random_ids(rng, 2, 14), rng.integers(1, 9, (2, 14)).cumsum(-1)
    steps = torch.arange(14).expand(2, 14)
    for given in (None, position_ids):
        where = steps if given is None else given
        cache = ShiftedCache(model.config, device)
        watched = Watched(theirs, cache, expose)
        logits = feed(watched, watched.lent, ids, [6, 1, 1, 4, 2], device, given)
        watched.assert_protocol(2)
        assert_equal(torch.cat(cache.positions[::2], dim=1), where, what="position_ids passed to update")
        exact = logits64(model, ids, *plain(where))
        assert_values(logits, exact, LOGITS, "logits through a cache of the grader's")


def test_forgetful_cache(student, rng, device, expose):
    """A cache that forgets returns fewer keys than it has seen: the mask has to fit what comes back."""
    model = make_model("gqa", rng.seed())
    theirs = student_model(student, model, device)
    for sinks, window, chunks in ((0, 5, [3, 1, 1, 1, 4, 1, 1, 2]), (2, 4, [9, 1, 1, 6, 1, 1])):
        ids = random_ids(rng, 2, sum(chunks))
        cache = ForgettingCache(model.config, device, sinks, window)
        watched = Watched(theirs, cache, expose)
        logits = feed(watched, watched.lent, ids, chunks, device)
        exact = logits64(model, ids, *streamed(chunks, sinks, window))
        assert_values(logits, exact, LOGITS, "logits through a cache that forgets")


def test_foreign_rope(student, rng, device, expose):
    """A model made with a rotation that does nothing: through no cache, both caches, and one of ours."""
    model = make_model("gqa", rng.seed())
    none = NoRope(device)
    rope = expose(none, none.validate, most=MOST)
    theirs = student_model(student, model, device, rope=rope)
    ids, chunks = random_ids(rng, 2, 9), [5, 1, 3]
    visible, _ = plain(torch.arange(9).expand(2, 9))
    exact = logits64(model, ids, visible, None)
    assert_values(theirs(ids.to(device)), exact, LOGITS, "logits without rotation")
    watched = Watched(theirs, ShiftedCache(model.config, device, rope), expose)
    for name, cache in (
        ("PostRopeCache", student.PostRopeCache()),
        ("PreRopeCache", student.PreRopeCache()),
        ("a cache of the grader's", watched.lent),
    ):
        logits = feed(watched, cache, ids, chunks, device)
        what = f"logits without rotation through {name}"
        assert_values(logits, exact, LOGITS, what)


def test_no_branching(inspection):
    """The source nowhere asks what kind of object it holds: no isinstance, type(...), hasattr, ..."""
    if inspection.branches:
        first = inspection.branches[0]
        clue("the source asks for a kind")
        raise WrongAnswer(Text(f"line {first.line}: {first.en}", f"第 {first.line} 行：{first.zh}"))
