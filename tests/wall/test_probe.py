"""The probe tells what works here and why the rest does not."""

import pytest

from grader.errors import WallError
from grader.wall import probe
from grader.wall.launch import Wall


def test_the_first_tier_that_works_is_best(monkeypatch):
    for working, best in (({"A", "C"}, "A"), ({"C"}, "C"), (set(), "none")):
        monkeypatch.setattr(probe, "try_tier", lambda tier, working=working: "" if tier in working else "no")
        assert probe.best_tier().tier == best


def test_a_probe_job_really_runs():
    assert probe.try_tier("A") == ""
    assert probe.try_tier("C") == ""


def test_a_wall_that_cannot_be_built_is_explained(monkeypatch):
    def refuse(self, limits):
        raise WallError("unshare: Operation not permitted")

    monkeypatch.setattr(Wall, "open", refuse)
    assert "Operation not permitted" in probe.try_tier("A")


@pytest.mark.parametrize(
    ("setting", "value", "remedy"),
    [
        ("max_user_namespaces", "0", "max_user_namespaces=15000"),
        ("apparmor_restrict_unprivileged_userns", "1", "apparmor_restrict_unprivileged_userns=0"),
    ],
)
def test_a_known_obstacle_comes_with_its_remedy(monkeypatch, setting, value, remedy):
    monkeypatch.setattr(probe, "_read", lambda path: value if path.name == setting else "")
    _, fine, text = probe._user_namespaces()
    assert not fine
    assert remedy in text
