"""The command line documents itself, and answers before anything heavy is imported."""

import subprocess
import sys
from pathlib import Path

import click
import pytest

from grader.cli import main

README = Path(__file__).parent.parent / "README.md"
COMMANDS = sorted(main.commands)
OPTIONS = [(name, p) for name in COMMANDS for p in main.commands[name].params if isinstance(p, click.Option)]
IMPORTED = (
    "import sys; from grader.cli import main; main(sys.argv[1:], standalone_mode=False); "
    "print(sorted({name.partition('.')[0] for name in sys.modules}), file=sys.stderr)"
)


def test_the_commands_are_those_of_the_design():
    assert COMMANDS == [
        "add", "check", "diff", "doctor", "handout", "list", "merge", "publish", "pull", "remove", "report",
        "run", "verify",
    ]  # fmt: skip


@pytest.mark.parametrize("name", COMMANDS)
def test_every_command_has_help(name):
    first = main.commands[name].help.splitlines()[0]
    assert first.endswith(".")
    assert len(first) > 20


@pytest.mark.parametrize(("name", "option"), OPTIONS, ids=lambda value: getattr(value, "name", value))
def test_every_option_has_help(name, option):
    assert option.help, f"{name} {option.opts}"
    assert option.help.rstrip().endswith("."), f"{name} {option.opts}: {option.help}"


@pytest.mark.parametrize("name", COMMANDS)
def test_every_command_stands_in_the_readme(name):
    assert f"grader {name}" in README.read_text(encoding="utf-8")


def test_every_exit_code_is_documented():
    text = main.get_help(click.Context(main))
    for code in ("0", "1", "2", "3", "4", "5", "6", "130"):
        assert f"\n    {code} " in text


@pytest.mark.parametrize("arguments", [["--help"], *([name, "--help"] for name in COMMANDS)], ids=" ".join)
def test_help_imports_nothing_heavy(arguments):
    done = subprocess.run(
        [sys.executable, "-c", IMPORTED, *arguments], capture_output=True, text=True, check=True, timeout=300
    )
    assert done.stdout.startswith("Usage: ")
    loaded = done.stderr.splitlines()[-1]
    assert "'grader'" in loaded
    for heavy in ("torch", "transformers", "numpy", "pytest", "rich", "junitparser"):
        assert f"'{heavy}'" not in loaded
