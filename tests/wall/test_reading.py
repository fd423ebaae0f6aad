"""Nothing of the machine can be read or written from behind the wall."""

import os
import shutil
import tempfile
from pathlib import Path

import pytest

import grader
from grader.wall.launch import Wall

from .conftest import LIBRARY, LIMITS, Shell

PACKAGE = Path(grader.__file__).parent
HIDDEN = [
    "/etc/passwd",
    "/etc/shadow",
    "/etc/hostname",
    "/root",
    "/home",
    "/var",
    str(PACKAGE / "errors.py"),
    str(PACKAGE / "wall" / "launch.py"),
    str(PACKAGE.parent / "pyproject.toml"),
    str(PACKAGE.parent / "exercises"),
    str(PACKAGE.parent / ".git" / "config"),
    "/proc/1/environ",
    "/proc/self/root/etc/passwd",
    "/dev/mem",
    "/dev/tty",
    "/sys/fs/cgroup",
]


@pytest.mark.parametrize("path", HIDDEN)
def test_cannot_open(shell, path):
    assert shell.try_to(f"os.open({path!r}, os.O_RDONLY)") in ("FileNotFoundError", "PermissionError")


def test_cannot_read_another_submission(shell, tmp_path):
    other = tmp_path / "solution.py"
    other.write_text("secret")
    tmp_path.chmod(0o755)
    tmp_path.parent.chmod(0o755)
    assert shell.try_to(f"open({str(other)!r})") in ("FileNotFoundError", "PermissionError")


def test_names_of_hidden_files_do_not_exist(open_shell):
    shell = open_shell("A")
    assert (
        shell.run(f"import os; answer = os.path.exists({str(PACKAGE.parent / 'pyproject.toml')!r})")
        == "False"
    )


@pytest.mark.parametrize("directory", ["/", "/usr", "/usr/bin", "/etc", "/var/tmp", str(PACKAGE / "inside")])
def test_cannot_write(shell, directory):
    assert shell.try_to(f"open({directory!r} + '/x', 'w')") in (
        "FileNotFoundError",
        "PermissionError",
        "OSError",  # read-only file system
    )


def test_cannot_change_files_it_can_read(shell):
    libc = repr(os.__file__)
    assert shell.try_to(f"os.truncate({libc}, 0)") in ("PermissionError", "OSError")
    assert shell.try_to(f"os.chmod({libc}, 0o777)") in ("PermissionError", "OSError")
    assert shell.try_to(f"os.utime({libc})") in ("PermissionError", "OSError")


def test_environment_is_empty_of_ours(shell, monkeypatch):
    monkeypatch.setenv("GITHUB_TOKEN", "secret")
    assert "GITHUB_TOKEN" not in shell.run("import os; answer = sorted(os.environ)")


def test_environment_of_the_process_above_is_out_of_reach(shell):
    reach = "open(f'/proc/{os.getppid()}/environ').read()"
    assert shell.try_to(reach) in ("FileNotFoundError", "PermissionError")


def test_only_four_descriptors(shell):
    scan = """
        import os
        def is_open(fd):
            try:
                return bool(os.fstat(fd))
            except OSError:
                return False
        answer = [fd for fd in range(1024) if is_open(fd)] == [0, 1, 2, sock.fileno()]
    """
    assert shell.run(scan) == "True"


def test_jobs_share_no_scratch(open_shell):
    first, second = open_shell("A"), open_shell("A")
    for directory in ("'.'", "os.environ['TMPDIR']", "'/dev/shm'"):
        first.run(f"import os; open({directory} + '/left', 'w').write('x')")
        assert second.run(f"import os; answer = 'left' in os.listdir({directory})") == "False"


@pytest.mark.parametrize("tier", ["A", "C"])
@pytest.mark.parametrize("above", ["/tmp", "/dev/shm"])
def test_no_name_is_told_beside_what_runs(tier, above):
    """Where the code that a job runs lies in a folder of temporary files, so do others' files."""
    with tempfile.TemporaryDirectory(dir=above) as name:
        Path(name).chmod(0o755)
        library = Path(shutil.copytree(LIBRARY, f"{name}/library"))
        with Wall(tier, (), serve="shell:serve", library=library) as wall:
            shell = Shell(wall.open(LIMITS))
            assert shell.run("import shell; answer = shell.__file__") == f"{library}/shell.py"
            for folder in (above, name):
                assert shell.try_to(f"os.listdir({folder!r})") == "PermissionError"
                assert shell.try_to(f"open({folder!r} + '/new', 'w')") in ("PermissionError", "OSError")
            assert shell.try_to("os.listdir(os.environ['TMPDIR'])") == "done"
            assert shell.try_to("open(os.environ['TMPDIR'] + '/new', 'w')") == "done"
