"""One student's repository: at its server, in the course's `.git/modules`, and as files in `submissions/`.

It stays a submodule as git knows them, so that `git status` and `git submodule` go on working; but git is
asked for data only. The order of steps makes a pull that is cut off harmless: the commit is noted last.
"""

from __future__ import annotations

import os
import random
import re
import shutil
import tempfile
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TypeVar

from grader.course import Course
from grader.errors import UsageError
from grader.git.failures import EMPTY, LONG_MESSAGE, SHA256, Reason, Refused, too_many_bytes
from grader.git.modules import Module, quoted
from grader.git.process import Budget, Children, Git, towards
from grader.git.servers import Servers
from grader.git.tree import Entry, read_tree, write_tree
from grader.job import Text
from grader.sanitise import line
from grader.submission.commit import commit as checked_out

T = TypeVar("T")
_PAUSES = (1.0, 3.0)  # seconds, before the second and the third try
_DEPTH = 50  # commits looked through for the one that was graded before
_MOST = 16 << 20  # bytes that git may write
_LONGEST_MESSAGE = 1_000_000  # bytes of a commit without its files
_SHA1 = 40  # digits of an object's name
_HASH = re.compile(r"[0-9a-f]{40}(?:[0-9a-f]{24})?")
_OURS = "# Written by `grader pull`\n"
_UNFINISHED = "objects/pack/tmp_*"
_HEADS = "refs/heads/"
_NOT_THEIRS = ("__pycache__", ".DS_Store")


def modules_folder(course: Course) -> Path:
    """Return where the course's repository keeps those of its submodules. Raises UsageError."""
    asked = ("rev-parse", "--path-format=absolute", "--show-toplevel", "--git-path", "modules")
    done = Git(course.pull).run("-C", str(course.root), *asked)
    top, _, modules = done.out.decode(errors="surrogateescape").rstrip("\n").partition("\n")
    if done.code or Path(top) != course.root:
        raise UsageError(
            f"{course.root} is no git repository of its own, so it has no submodules: `git init` it, or "
            "put plain folders into submissions/"
        )
    return Path(modules)


@dataclass(frozen=True, slots=True)
class Repository:
    """Where the parts of one submission are."""

    module: Module
    folder: Path
    git: Git
    servers: Servers

    @property
    def git_dir(self) -> Path:
        """The repository itself."""
        assert self.git.git_dir
        return self.git.git_dir

    def begin(self) -> Repository:
        """Let its time run from now."""
        patient = self.servers.patient(self.module.address.server)
        return replace(self, git=replace(self.git, budget=Budget(self.git.rules.seconds, patient=patient)))

    def commit(self) -> str:
        """Return the commit whose files are in the folder; empty where there is none."""
        return checked_out(self.folder)

    def settle(self) -> str:
        """Leave no empty folder, which would count as nothing handed in; return the commit that is there."""
        with suppress(OSError):  # it is not empty, or not there
            self.folder.rmdir()
        return self.commit()

    def require_place(self) -> None:
        """Raise Refused where something is in the folder that is not the repository's."""
        if self.folder.is_symlink() or (self.folder.exists() and not self.folder.is_dir()):
            raise _in_the_way(f"{self._shown} is a link or a file", f"{self._shown} 是链接或文件")
        pointer = self.folder / ".git"
        if not self.folder.is_dir() or not any(self.folder.iterdir()):
            return
        if pointer.is_dir():
            raise _in_the_way(
                f"{self._shown} has a repository of its own: run `git submodule absorbgitdirs`",
                f"{self._shown} 自带仓库：请运行 git submodule absorbgitdirs",
            )
        if not pointer.is_file() or (self.folder / _pointed(pointer)).resolve() != self.git_dir.resolve():
            raise _in_the_way(
                f"{self._shown} holds files that are not from its repository: move them away",
                f"{self._shown} 中有不属于该仓库的文件：请移走",
            )

    def tip(self) -> tuple[str, str]:
        """Ask the server for branch and commit. Raises Refused."""
        branch = self.module.branch
        wanted = _HEADS + branch if branch else "HEAD"
        found = self._refs("--symref", wanted)
        if wanted in found:
            if len(found[wanted]) != _SHA1:
                raise Refused(Reason.BROKEN, SHA256)
            return branch or line(found.get("ref: HEAD", "").removeprefix(_HEADS)), found[wanted]
        there = sorted(ref.removeprefix(_HEADS) for ref in self._refs("--heads"))
        if not there:
            raise Refused(Reason.EMPTY, EMPTY)
        shown = ", ".join(line(name, 40) for name in there[:5])
        missing = Text(f"no branch {branch!r}", f"没有分支 {branch!r}") if branch else Text(
            "no default branch", "没有默认分支"
        )  # fmt: skip
        raise Refused(
            Reason.BRANCH,
            Text(
                f"{missing.en}; there are: {shown}. Push it, or tell the instructor the right one",
                f"{missing.zh}；现有分支：{shown}。请推送该分支，或告知教师正确的分支名",
            ),
        )

    def fetch(self, commit: str, depth: int = 1) -> None:
        """Fetch a commit. Raises Refused."""
        self._prepare()
        git = self._reaching()
        most = int(self.git.rules.megabytes * 1e6)

        def attempt() -> None:
            done = git.ask(
                "fetch", "--quiet", "--no-tags", "--no-write-fetch-head", "--no-auto-maintenance",
                "--no-recurse-submodules", f"--depth={depth}", "--", self.module.address.url,
                f"+{commit}:refs/grader/{commit}", most=most,
            )  # fmt: skip
            if done.code:
                largest = max((path.stat().st_size for path in self.git_dir.glob(_UNFINISHED)), default=0)
                self._tidy()
                # What wrote the pack was ended at that size; git itself only says that it is gone.
                if largest >= most // 512 * 512:
                    raise too_many_bytes(self.git.rules.megabytes)
                raise self.git.refusal(done)

        self._tidy()
        self.bound()
        if self._kept() > 2 * most:
            raise too_many_bytes(self.git.rules.megabytes)
        _persistently(attempt, git)

    def has(self, commit: str) -> bool:
        """Say whether a commit has been fetched."""
        return self.git_dir.is_dir() and self.git.run("cat-file", "-e", f"{commit}^{{commit}}").code == 0

    def rewritten(self, old: str, new: str) -> bool:
        """Say whether the history of `new` is known to lack `old`."""
        try:
            header = self._ask("cat-file", "commit", new).partition("\n\n")[0]
            if old in re.findall(r"^parent (\w+)$", header, re.MULTILINE):
                return False
            self.fetch(new, _DEPTH)
            listed = set(self._ask("rev-list", new).split())
        except Refused:
            return False  # not known
        shallow = self.git_dir / "shallow"
        ends = set(shallow.read_text().split()) if shallow.exists() else set()
        return old not in listed and not listed & ends

    def check_out(self, commit: str) -> tuple[Text, ...]:
        """Put the files of a fetched commit into the folder, in place of what is there; return notes."""
        if int(self._ask("cat-file", "-s", commit)) > _LONGEST_MESSAGE:
            raise Refused(Reason.SIZE, LONG_MESSAGE)
        entries, left_out = read_tree(self.git, commit)
        self._require_unchanged()
        new = Path(tempfile.mkdtemp(prefix=".pull-", dir=self.folder.parent))
        try:
            pointers = write_tree(self.git, entries, new)
            (new / ".git").write_text(f"gitdir: {os.path.relpath(self.git_dir, self.folder)}\n")
            new.chmod(0o755)
            (self.git_dir / "index").unlink(missing_ok=True)  # from here on it tells of other files
            self.empty()
            new.rename(self.folder)
        finally:
            shutil.rmtree(new, ignore_errors=True)
        self._note_files(entries)
        head = self.git_dir / "HEAD.lock"  # git's own name for it
        head.write_text(f"{commit}\n")
        head.replace(self.git_dir / "HEAD")
        return (*left_out, *pointers)

    def empty(self) -> None:
        """Leave nothing in the folder, nor the folder."""
        if not self.folder.exists():
            return
        old = Path(tempfile.mkdtemp(prefix=".pull-", dir=self.folder.parent))
        self.folder.rename(old / "old")
        shutil.rmtree(old, ignore_errors=True)

    @property
    def _shown(self) -> str:
        return f"submissions/{self.module.name}"

    def _refs(self, option: str, *patterns: str) -> dict[str, str]:
        """List refs of the server; `ref: HEAD` is the branch that HEAD stands for."""

        def attempt() -> str:
            done = replace(git, git_dir=None).ask(
                "ls-remote", option, "--", self.module.address.url, *patterns
            )
            if done.code:
                raise self.git.refusal(done)
            return done.out.decode("utf-8", "replace")

        server = self.module.address.server
        try:
            git = self._reaching()
            listed = _persistently(attempt, git)
        except Refused as refused:
            if refused.reason is Reason.NETWORK:
                self.servers.in_vain(server, refused)
            elif refused.reason is Reason.PRIVATE:
                self.servers.answered(server)
            raise
        self.servers.answered(server)
        found = {}
        for row in listed.split("\n"):
            value, _, ref = row.partition("\t")
            if value.startswith("ref: "):
                found[f"ref: {ref}"] = value.removeprefix("ref: ")
            elif _HASH.fullmatch(value):
                found[ref] = value
        return found

    def _reaching(self) -> Git:
        """Return a git that can talk to the server. Raises Refused where nothing can."""
        pins = self.servers.reach(self.module.address, self.git.children.pause)
        return replace(self.git, pins=pins)

    def _prepare(self) -> None:
        """Make the repository, where there is none; written by hand, as there is nothing to decide."""
        for part in ("objects/pack", "refs/heads", "info"):
            (self.git_dir / part).mkdir(parents=True, exist_ok=True)
        worktree, branch = os.path.relpath(self.folder, self.git_dir), self.module.branch or "*"
        refspec = f"+refs/heads/{branch}:refs/remotes/origin/{branch}"
        files = {
            "HEAD": "ref: refs/heads/none\n",
            "info/attributes": "* -text -eol -ident -filter -working-tree-encoding -diff -merge\n",
            "config": f"{_OURS}[core]\n\trepositoryformatversion = 0\n\tbare = false\n\tfilemode = false\n"
            f'\tsymlinks = false\n\tworktree = {quoted(worktree)}\n[gc]\n\tauto = 0\n[remote "origin"]\n'
            f"\turl = {quoted(self.module.address.url)}\n\tfetch = {quoted(refspec)}\n",
        }
        for name, text in files.items():
            path = self.git_dir / name
            if not path.exists() or (name == "config" and path.read_text().startswith(_OURS)):
                path.write_text(text)

    def bound(self) -> None:
        """Keep no more than a repository may have: of the commits seen so far, the newest. Raises Refused."""
        most = self.git.rules.megabytes * 1e6
        if self._kept() <= most:
            return
        at = self.commit()
        refs = (path for path in (self.git_dir / "refs/grader").glob("*") if _HASH.fullmatch(path.name))
        seen = sorted((path for path in refs if path.name != at), key=lambda path: path.stat().st_mtime_ns)
        while self._kept() > most and seen:
            shutil.rmtree(self.git_dir / "logs", ignore_errors=True)  # of an older version; they keep all
            half = -(-len(seen) // 2)
            for path in seen[:half]:
                path.unlink(missing_ok=True)
            del seen[:half]
            self._ask("repack", "-a", "-d", "-n", "-q", "--window=0", most=self._kept() + 1)
            self._ask("prune", "--expire=now")

    def _kept(self) -> int:
        """Return the bytes of the repository's objects."""
        walked = os.walk(self.git_dir / "objects")
        return sum((Path(at) / name).stat().st_size for at, _, names in walked for name in names)

    def _tidy(self) -> None:
        """Remove what a git that was killed left behind."""
        for pattern in ("*.lock", "refs/grader/*.lock", _UNFINISHED, "objects/pack/.tmp-*"):
            for path in self.git_dir.glob(pattern):
                with suppress(OSError):
                    path.unlink()

    def _require_unchanged(self) -> None:
        """Raise Refused where the folder has changes that would be lost."""
        if not self.folder.is_dir() or not (self.git_dir / "index").exists():
            return
        left_out = [f"--exclude={name}" for name in _NOT_THEIRS]
        done = self.git.run(
            f"--work-tree={self.folder}", "ls-files", "-z", "--modified", "--others", "--exclude-standard",
            *left_out,
        )  # fmt: skip
        changed = sorted(set(done.out.decode("utf-8", "replace").split("\0")) - {""})
        if changed:
            shown = ", ".join(line(path, 60) for path in changed[:3])
            raise _in_the_way(
                f"{self._shown} was changed here ({shown}): move that away, or delete the folder",
                f"{self._shown} 在本机被修改过（{shown}）：请移走，或删除该文件夹",
            )

    def _note_files(self, entries: list[Entry]) -> None:
        """Make the index that plain git needs to see that nothing was changed."""
        rows = "".join(f"{entry.mode} {entry.blob}\t{entry.path}\0" for entry in entries)
        self._ask("update-index", "-z", "--index-info", stdin=os.fsencode(rows))

    def _ask(self, *arguments: str, stdin: bytes = b"", most: int = _MOST) -> str:
        done = self.git.run(*arguments, stdin=stdin, most=most)
        if done.code:
            raise self.git.refusal(done)
        return done.out.decode("utf-8", "replace")


def repository(
    course: Course, module: Module, modules: Path, children: Children, servers: Servers
) -> Repository:
    """Return one submission's repository."""
    git = towards(module.address, module.name, modules / module.section, course.pull, children)
    return Repository(module, course.submissions_path / module.name, git, servers)


def _persistently(attempt: Callable[[], T], git: Git) -> T:
    """Try again, twice, where only the network is to blame."""
    for pause in _PAUSES:
        try:
            return attempt()
        except Refused as refused:
            wait = pause * random.uniform(0.5, 1.5)  # noqa: S311  # so that not all come back at once
            budget = git.budget
            if refused.reason is not Reason.NETWORK or not budget or not budget.patient:
                raise
            if budget.waiting < wait or git.children.pause(wait):
                raise
            budget.waiting -= wait
    return attempt()


def _pointed(pointer: Path) -> str:
    with pointer.open(encoding="utf-8", errors="replace") as file:
        return file.read(4096).removeprefix("gitdir: ").rstrip("\n").replace("\0", "")


def _in_the_way(en: str, zh: str) -> Refused:
    return Refused(Reason.IN_THE_WAY, Text(en, zh))
