"""What happens when a repository moves on: rewritten, broken, pulled back to a deadline."""

import os
import re
import shutil
import signal
import time
from pathlib import Path

import pytest

from grader.course import find_course
from grader.git import pull
from grader.git.repository import Repository

from .conftest import FOR_EVER, of_processes, plain_git, processes, started, until
from .kinds import SOLUTION
from .repositories import delta_bomb

EMPTY_TREE = "6ef19b41225c5369f1c104d45d8d85efa9b057b53b14b4b9b939dd74decc5321"
BEFORE, AFTER = {SOLUTION: "x = 1\n"}, {SOLUTION: "x = 2\n"}


def said(students, *arguments, **environment):
    """Pull, and return exit code and lines."""
    done = students.pull(*arguments, **environment)
    return done.returncode, students.lines(done)


def ends(argument):
    """Wait until no process has this argument: the dead are listed for a moment."""
    return until(lambda: not any(argument.encode() in row for row in processes()))


def history(students, name="ann"):
    return [fetched["commit"] for fetched in students.record()[name]["history"]]


@pytest.fixture
def ann(students):
    """One student, pulled once."""
    bare = students.enrol("ann", files=BEFORE)
    assert said(students)[0] == 0
    return bare


def test_a_push_is_fetched_and_only_it(students, ann):
    students.enrol("bob", files=BEFORE)
    students.pull()
    asked = len(students.server.asked("upload-pack"))
    second = ann.commit(AFTER)
    code, lines = said(students)
    assert (code, lines["ann"].split()[0], lines["bob"].split()[0]) == (0, "updated", "unchanged")
    assert students.file("ann").read_text() == "x = 2\n"
    assert history(students) == [ann.first, second]
    # Two requests for each list of branches, two for the one fetch.
    assert len(students.server.asked("upload-pack")) - asked == 6


def test_files_that_went_away_are_gone(students, ann):
    ann.commit({"README.md": "no code\n"})
    said(students)
    assert not students.file("ann").parent.exists()
    assert plain_git(students.root / "submissions" / "ann", "status", "--porcelain") == ""


def test_rewritten_history_says_what_was_graded_before(students, ann):
    ann.commit(AFTER, parents=[])
    code, lines = said(students)
    assert code == 0
    assert re.search(
        rf"; the history was rewritten .*; graded before: {ann.first[:12]}, fetched 20", lines["ann"]
    )


def test_many_commits_at_once_are_no_rewriting(students, ann):
    for number in range(5):
        ann.commit({SOLUTION: f"x = {number}\n"})
    assert "rewritten" not in said(students)[1]["ann"]
    assert students.file("ann").read_text() == "x = 4\n"


def test_rewriting_among_many_commits_is_seen(students, ann):
    ann.commit({SOLUTION: "x = 0\n"}, parents=[])
    ann.commit(AFTER)
    assert "rewritten" in said(students)[1]["ann"]


def test_rewriting_is_seen_in_a_new_clone(students, ann):
    shutil.rmtree(students.root / ".git" / "modules")
    shutil.rmtree(students.root / "submissions" / "ann")
    ann.commit(AFTER)
    ann.commit({SOLUTION: "x = 3\n"})
    assert "rewritten" not in said(students)[1]["ann"]
    shutil.rmtree(students.root / ".git" / "modules")
    shutil.rmtree(students.root / "submissions" / "ann")
    last = ann.tip
    ann.commit(AFTER, parents=[ann.first])
    assert f"graded before: {last[:12]}" in said(students)[1]["ann"]


def test_a_fault_of_ours_stops_nobody_else(students, monkeypatch):
    def broken(self, *_):
        if self.module.name == "ann":
            raise KeyError("forgotten")
        return check_out(self, *_)

    check_out = Repository.check_out
    monkeypatch.setattr(Repository, "check_out", broken)
    students.enrol("ann", files=BEFORE)
    students.enrol("bob", files=BEFORE)
    code, lines = said(students)
    assert code == 3
    assert "the grader could not pull it: KeyError('forgotten'); see " in lines["ann"]
    log = Path(re.search(r"see (\S+\.log)", lines["ann"])[1])
    assert "Traceback" in log.read_text()
    assert lines["bob"].startswith("updated")


def test_a_detached_head_is_graded(students, ann):
    commit = ann.commit(AFTER)
    (ann.path / "HEAD").write_text(f"{commit}\n")
    assert said(students)[0] == 0
    assert students.file("ann").read_text() == "x = 2\n"


def test_what_was_there_stays_when_a_pull_fails(students, ann):
    fetched = students.record()["ann"]["fetched"]
    ann.commit({**AFTER, "weights.bin": os.urandom(3_000_000)})
    code, lines = said(students)
    assert code == 1
    assert re.search(rf"too large: .* Graded as before: {ann.first[:12]}, fetched {fetched}", lines["ann"])
    assert students.file("ann").read_text() == "x = 1\n"
    record = students.record()["ann"]
    assert (record["commit"], record["fetched"], record["reason"]) == (ann.first, fetched, "too-large")
    ann.path.rename(ann.path.with_name("gone.git"))
    assert "not found, or private" in said(students)[1]["ann"]
    assert students.file("ann").read_text() == "x = 1\n"
    ann.path.with_name("gone.git").rename(ann.path)
    ann.commit(AFTER, parents=[ann.first])
    assert said(students)[0] == 0
    assert students.file("ann").read_text() == "x = 2\n"


def test_a_failed_first_pull_leaves_no_empty_folder_to_be_graded(students):
    students.enrol("ann", "private", files=BEFORE)
    (students.root / "submissions" / "ann").mkdir()  # as a clone without submodules has it
    assert said(students)[0] == 1
    assert not (students.root / "submissions" / "ann").exists()


def test_a_server_out_of_reach_is_not_the_students_fault(students, ann):
    students.server.__exit__()
    code, lines = said(students)
    assert code == 3
    assert re.search("cannot be reached .* not the student's fault .* Graded as before", lines["ann"])


def test_before_a_deadline(students, ann):
    record = students.root / ".grader" / "pulls.json"
    first = students.record()["ann"]["fetched"]
    record.write_text(record.read_text().replace(first, "2026-01-01T10:00:00Z"))
    second = ann.commit(AFTER, date=1_000_000_000)  # dated back: that does not help
    said(students)
    requests = len(students.server.requests)
    code, lines = said(students, "--before", "2026-01-01T12:00:00+00:00")
    assert (code, lines["ann"]) == (0, f"updated ({ann.first[:12]}, fetched 2026-01-01T10:00:00Z)")
    assert students.file("ann").read_text() == "x = 1\n"
    assert len(students.server.requests) == requests  # it is here still
    code, lines = said(students, "--before", "2026-01-01T09:00:00Z")
    assert code == 0
    assert "nothing had been fetched by then" in lines["ann"]
    assert not students.file("ann").exists()
    assert said(students)[0] == 0
    assert students.record()["ann"]["commit"] == second
    assert history(students) == [ann.first, second]


def test_before_a_deadline_in_a_new_clone(students, ann):
    record = students.root / ".grader" / "pulls.json"
    record.write_text(record.read_text().replace(students.record()["ann"]["fetched"], "2026-01-01T10:00:00Z"))
    ann.commit(AFTER)
    said(students)
    for folder in ("submissions/ann", ".git/modules"):
        shutil.rmtree(students.root / folder)
    assert said(students, "--before", "2026-06-01")[0] == 0
    assert students.file("ann").read_text() == "x = 1\n"
    for folder in ("submissions/ann", ".git/modules"):
        shutil.rmtree(students.root / folder)
    ann.commit({SOLUTION: "x = 3\n"}, parents=[])
    plain_git(ann.path, "gc", "--quiet", "--prune=now")
    code, lines = said(students, "--before", "2026-06-01")
    assert code == 1
    assert "no longer at the server" in lines["ann"]


def test_objects_named_by_sha256(students):
    path = students.enrol("ann").path
    path.rename(path.with_name("away"))
    plain_git(path.parent, "init", "-q", "--bare", "--object-format=sha256", path.name)
    plain_git(path, "commit-tree", EMPTY_TREE, "-m", "x")
    tip = plain_git(path, "commit-tree", EMPTY_TREE, "-m", "x").strip()
    plain_git(path, "update-ref", "refs/heads/master", tip)
    assert "names its objects by SHA-256" in said(students)[1]["ann"]


def test_a_time_that_is_none(students):
    done = students.pull("--before", "tomorrow")
    assert done.returncode == 2
    assert "'tomorrow' is no time" in done.stderr


def test_pinned(students, ann):
    plain_git(students.root, "add", ".gitmodules", "submissions/ann")
    plain_git(students.root, "commit", "-q", "-m", "enrol ann")
    ann.commit(AFTER)
    said(students)
    status = ("status", "--porcelain", "--untracked-files=no")
    assert plain_git(students.root, *status).strip() == "M submissions/ann"
    assert said(students, "--pinned")[0] == 0
    assert students.file("ann").read_text() == "x = 1\n"
    assert plain_git(students.root, *status) == ""
    assert plain_git(students.root, "submodule", "status").startswith(("-" + ann.first, " " + ann.first))


def test_pinned_to_nothing(students, ann):
    code, lines = said(students, "--pinned")
    assert code == 4
    assert "the course records no commit for it" in lines["ann"]


def test_changes_made_here_are_not_lost(students, ann):
    students.file("ann").write_text("x = 1  # a note of the instructor\n")
    ann.commit(AFTER)
    code, lines = said(students)
    assert code == 4
    assert f"was changed here ({SOLUTION})" in lines["ann"]
    assert "a note" in students.file("ann").read_text()
    shutil.rmtree(students.root / "submissions" / "ann")
    assert said(students)[0] == 0
    assert students.file("ann").read_text() == "x = 2\n"


@pytest.mark.parametrize("what", ["files", "link", "clone", "file"])
def test_what_is_in_the_way_is_left_alone(students, what, tmp_path):
    students.enrol("ann", files=BEFORE)
    folder = students.root / "submissions" / "ann"
    elsewhere = tmp_path / "elsewhere"
    elsewhere.mkdir()
    (elsewhere / "mine").write_text("mine")
    if what == "files":
        elsewhere.rename(folder)
    elif what == "link":
        folder.symlink_to(elsewhere)
    elif what == "clone":
        plain_git(elsewhere, "init", "-q")
        elsewhere.rename(folder)
    else:
        folder.write_text("mine")
    there = sorted(os.walk(folder, followlinks=True))
    done = students.pull()
    assert done.returncode in (2, 4)
    assert "submissions/ann" in done.stdout + done.stderr or "'ann' is a symbolic link" in done.stderr
    assert sorted(os.walk(folder, followlinks=True)) == there


def test_a_pull_that_was_killed_is_made_good(students, ann):
    """What it has left in the way does not stay there."""
    folder, git_dir = students.root / "submissions/ann", students.root / ".git/modules/submissions/ann"
    ann.commit(AFTER)
    (git_dir / "index").unlink()  # the files are new, the commit not yet noted
    students.file("ann").write_text("x = 2\n")
    (git_dir / "shallow.lock").touch()
    (git_dir / "objects/pack/tmp_pack_left").write_text("half")
    (folder.parent / ".pull-left").mkdir()
    (folder.parent / ".pull-left" / "x").touch()
    assert said(students)[0] == 0
    assert plain_git(folder, "status", "--porcelain") == ""
    assert sorted(path.name for path in folder.parent.iterdir()) == ["ann"]
    assert not list(git_dir.rglob("*.lock")) + list(git_dir.rglob("tmp_*"))


@pytest.mark.parametrize("step", ["empty", "_note_files", "_ask"])
def test_a_pull_that_ended_at_any_step_is_made_good(students, ann, step, monkeypatch):
    def broken(*_, **__):
        raise OSError(28, "No space left on device")

    second = ann.commit(AFTER)
    with monkeypatch.context() as patched:
        patched.setattr(Repository, step, broken)
        code, lines = said(students)
    assert code == 3
    assert "No space left" in lines["ann"]
    assert students.record()["ann"]["commit"] == ann.first
    assert said(students)[0] == 0
    assert students.file("ann").read_text() == "x = 2\n"
    assert plain_git(students.root / "submissions" / "ann", "status", "--porcelain") == ""
    assert students.record()["ann"]["commit"] == second


def test_interrupted_it_ends_at_once_with_all_its_children(students):
    students.enrol("ann", files=BEFORE)
    students.enrol("stalls", "stalls", files=BEFORE)
    child = started(students.course.command("pull"))
    assert child.stdout.readline().startswith("[1/2] ann: updated")
    students.server.until_asked("/stalls/")
    child.send_signal(signal.SIGINT)
    child.communicate(timeout=FOR_EVER)
    assert child.returncode == 130
    assert students.record()["ann"]["outcome"] == "updated"
    assert ends(students.server.url("stalls", "stalls"))


def test_an_interruption_while_a_line_is_shown(students):
    students.enrol("ann", files=BEFORE)
    students.enrol("stalls", "stalls", files=BEFORE)

    def interrupt(*_):
        students.server.until_asked("/stalls/")
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        pull(find_course(students.root), told=interrupt)
    assert ends(students.server.url("stalls", "stalls"))
    assert students.record()["ann"]["outcome"] == "updated"


def test_two_at_once(students):
    students.enrol("stalls", "stalls", files=BEFORE)
    child = started(students.course.command("pull"))
    students.server.until_asked("/stalls/")
    second = students.pull()
    child.send_signal(signal.SIGINT)
    child.communicate(timeout=FOR_EVER)
    assert second.returncode == 2
    assert "another `grader pull` is at work" in second.stderr


def test_no_more_time_than_allowed(students):
    manifest = students.root / "grader.yaml"
    manifest.write_text(manifest.read_text().replace("seconds: 60", "seconds: 3"))
    students.enrol("stalls", "stalls", files=BEFORE)
    students.enrol("endless", "endless", files=BEFORE)
    code, lines = said(students)
    assert code == 3
    assert all("not the student's fault" in line for line in lines.values())
    assert len(lines) == 2


@pytest.mark.parametrize("what", ["stalls", "work"])
def test_killed_it_leaves_no_process_behind(students, what):
    """Not even one that the grader's own child has started, be it waiting or working."""
    bare = students.enrol("ann", "stalls" if what == "stalls" else "ok", files=BEFORE)
    if what == "work":
        delta_bomb(bare, 150, 100)
    child = started(students.course.command("pull"))
    there = str(students.root).encode()

    def ours():
        return [row for row in of_processes("cwd", there) if b"git" in row]

    if what == "stalls":
        students.server.until_asked("/stalls/")
        url = students.server.url("ann", "stalls").encode()
        until(lambda: sum(url in row for row in processes()) > 1)
    else:
        until(lambda: any(b"index-pack" in row for row in ours()))
    child.kill()
    child.communicate(timeout=FOR_EVER)
    begun = time.monotonic()
    if what == "stalls":
        assert ends(students.server.url("ann", "stalls"))
    else:
        until(lambda: not ours())
    assert time.monotonic() - begun < 300  # the server would hold them for twice as long


def test_force_pushes_are_not_kept_for_ever(students):
    """No more than one repository may have; what is graded stays, and the rest is asked for again."""
    ann = students.enrol("ann")
    commits = []
    for _ in range(5):
        commits.append(ann.commit({**BEFORE, "weights": os.urandom(1_500_000)}, parents=[]))
        assert said(students)[0] == 0
    git_dir = students.root / ".git/modules/submissions/ann"
    kept = sum(path.stat().st_size for path in git_dir.rglob("*") if path.is_file())
    assert kept < 2_000_000
    assert plain_git(students.root / "submissions/ann", "status", "--porcelain") == ""
    assert plain_git(students.root / "submissions/ann", "fsck", "--full", check=False) == ""
    record = students.root / ".grader" / "pulls.json"
    text = record.read_text()
    for number, fetched in enumerate(students.record()["ann"]["history"]):
        text = text.replace(
            f'"{fetched["commit"]}",\n     "at": "{fetched["at"]}"',
            f'"{fetched["commit"]}",\n     "at": "2026-01-0{number + 1}T00:00:00Z"',
        )
    record.write_text(text)
    assert said(students, "--before", "2026-01-02T12:00:00Z")[0] == 0
    assert students.record()["ann"]["commit"] == commits[1]
    assert said(students)[0] == 0
    assert plain_git(students.root / "submissions/ann", "rev-parse", "HEAD").strip() == commits[-1]


def test_pushes_that_are_refused_are_not_kept_either(students):
    ann = students.enrol("ann")
    for number in range(4):
        files = {f"f{i}": "" for i in range(300)}
        ann.commit({**files, "weights": os.urandom(1_500_000), "n": str(number)}, parents=[])
        assert said(students)[0] == 1
    git_dir = students.root / ".git/modules/submissions/ann"
    assert sum(path.stat().st_size for path in git_dir.rglob("*") if path.is_file()) < 2_000_000


def test_a_damaged_record_is_not_overwritten(students, ann):
    record = students.root / ".grader" / "pulls.json"
    record.write_text('{"version": 1, "submissions": {"ann": {"commit": 5}}}')
    done = students.pull()
    assert done.returncode == 3
    assert "cannot read" in done.stderr
    assert '"commit": 5' in record.read_text()


def test_a_course_that_is_no_repository(students):
    students.enrol("ann", files=BEFORE)
    (students.root / ".git").rename(students.root / "away")
    done = students.pull()
    assert done.returncode == 2
    assert "is no git repository of its own" in done.stderr


def test_unknown_names(students, ann):
    done = students.pull("anne")
    assert done.returncode == 2
    assert "did you mean 'ann'?" in done.stderr
