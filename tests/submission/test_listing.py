import pytest

from grader.errors import UsageError
from grader.submission import Submission, list_submissions, valid_name


@pytest.mark.parametrize(
    "name", ["ann", "example-perfect", "张三", "PB2100_01", "a.b", "a b", "x" * 100, "console"]
)
def test_good_names(name):
    assert valid_name(name) == name


@pytest.mark.parametrize(
    "name",
    [
        "", ".", "..", "../x", ".git", "-e", "a/b", "a\\b", "x" * 101, "学" * 101, "a\nb", "a\tb", "a\x00b",
        "a\x1bb", "a\u202eb", "a\u200db", "\ufeffa", "a\u2028b", "con", "CON", "nul.txt", "Com1",
        "lpt9.tar.gz", "aux .x", "a.", "a ", " a", "e\u0301", "a:b", "a*b", "a?b", "a|b", 'a"b', "a<b",
        "a\udc80", "a\u3000b",
    ],
)  # fmt: skip
def test_bad_names(name):
    with pytest.raises(UsageError) as raised:
        valid_name(name)
    assert str(raised.value).isprintable()


def test_submissions_are_folders_in_order(tmp_path):
    for name in ("bob", "ann", ".cache"):
        (tmp_path / name).mkdir()
    (tmp_path / "README.md").touch()
    assert list_submissions(tmp_path) == [
        Submission("ann", tmp_path / "ann"),
        Submission("bob", tmp_path / "bob"),
    ]


def test_no_folder_of_submissions(tmp_path):
    assert list_submissions(tmp_path / "none") == []


def test_all_bad_names_are_reported_at_once(tmp_path):
    for name in ("-e", "con", "Ann", "ann", "e\u0301", "\u00e9"):
        (tmp_path / name).mkdir()
    (tmp_path / "link").symlink_to(tmp_path / "Ann")
    with pytest.raises(UsageError) as raised:
        list_submissions(tmp_path)
    for words in ("'-e'", "'con'", "'ann' and 'Ann'", "'link' is a symbolic link", "normal form"):
        assert words in str(raised.value)
