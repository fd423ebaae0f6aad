"""The kinds of repository and entry that must be met, and the one line that is said of each.

Threats: private, deleted, empty, renamed (97); hostile `.gitmodules` (98); what a checkout would obey (99);
links (100); bombs (101); servers that misbehave (102); LFS (103); names (104).
"""

import os

from .repositories import Special, link, submodule

SOLUTION = "exercises/vectors/solution.py"
FILES = {SOLUTION: "x = 1\n", "README.md": "hello\n"}
POINTER = f"version https://git-lfs.github.com/spec/v1\noid sha256:{0:064}\nsize 4\n"
EVIL = "[core]\n\tfsmonitor = touch pwned\n"
ATTRIBUTES = "* filter=lfs text eol=crlf ident working-tree-encoding=UTF-16\n"
EVIL_MODULES = '[submodule "x"]\n\tpath = x\n\turl = https://example.org/x\n\tupdate = !touch pwned\n'

UPDATED = r"updated \(\w{12}, fetched [\d-]+T[\d:]+Z\)"
LEFT_OUT = rf"{UPDATED}; left out.*"
LINKS = rf"{UPDATED}; symbolic links, not followed: .*"
PRIVATE = r"NOT PULLED: not found, or private: make the repository public or give the grader access .*"
NETWORK = r"NOT PULLED: the host cannot be reached .*not the student's fault .*"
MOVED = r"NOT PULLED: the repository has moved.*"
NOT_GIT = r"NOT PULLED: what answers there is no git repository.*"
TOO_LARGE = r"NOT PULLED: too large: more than 2 MB.*"
TOO_MANY = r"NOT PULLED: too large: more than 200 files.*"
BROKEN = r"NOT PULLED: the repository is damaged or malicious.*"

# How it is served: what is said.
SERVED = {
    "ok": UPDATED, "slow": UPDATED, "flaky": UPDATED,
    "private": PRIVATE, "forbidden": PRIVATE, "missing": PRIVATE,
    "dies": NETWORK, "down": NETWORK, "garbage": NOT_GIT, "badpack": NOT_GIT, "dumb": NOT_GIT, "moved": MOVED,
    "metadata": MOVED,
}  # fmt: skip

# What is in it: (files, what is said).
FILED = {
    "huge": ({"weights.bin": os.urandom(3_000_000)}, TOO_LARGE),
    "bomb": ({"zeros.bin": bytes(30_000_000)}, TOO_LARGE),
    "many": ({f"f/{i}": "" for i in range(300)}, TOO_MANY),
    "lfs": ({"model.bin": POINTER}, rf"{UPDATED}; Git LFS pointers instead of the files: model\.bin; .*"),
    "links": ({"a": link("/etc/passwd"), "b": link("../../x"), "c": link("/proc/self/mem"), "d": link("d")},
              rf"{LINKS}a, b, c, d; .*"),
    "linked-folder": ({"hooks": link(".git/hooks"), "exercises/vectors/up": link("../../..")}, LINKS),
    "submodule": ({"deps/lib": submodule()}, rf"{LEFT_OUT}: deps/lib; .*"),
    "attributes": ({".gitattributes": ATTRIBUTES}, UPDATED),
    "own-modules": ({".gitmodules": EVIL_MODULES}, BROKEN),
    "bare-inside": ({"inner/HEAD": "ref: refs/x\n", "inner/objects/x": "", "inner/config": EVIL}, UPDATED),
    "dot-git": ({".git/config": EVIL}, BROKEN),
    "git-tilde": ({"git~1/hooks/post-checkout": "#!/bin/sh\ntouch pwned\n"}, BROKEN),
    "git-space": ({".git /config": EVIL}, BROKEN),
    "git-unicode": ({".g\u200cit/config": EVIL}, BROKEN),
    "git-below": ({"sub/.GIT/hooks/x": "x"}, BROKEN),
    "dot-dot": ({"../escaped.py": "x"}, BROKEN),
    "case": ({"Run.py": "1\n", "run.py": "2\n"}, rf"{LEFT_OUT}: Run\.py, run\.py; .*"),
    "case-folder": ({"Lib/a.py": "1\n", "lib/b.py": "2\n"}, rf"{LEFT_OUT}: Lib/a\.py, lib/b\.py; .*"),
    "file-and-folder": ({"lib": "1\n", "LIB/b.py": "2\n"}, rf"{LEFT_OUT}: LIB/b\.py, lib; .*"),
    "unicode-form": ({"caf\u00e9.py": "1\n", "cafe\u0301.py": "2\n"}, LEFT_OUT),
    "newline": ({"a\nb.py": "1\n"}, rf"{LEFT_OUT}: a ⏎ b\.py; .*"),
    "escapes": ({"\x1b]0;title\x07.py": "1\n", "::set-output name=x::y": "1"}, LEFT_OUT),
    "quotes": ({'say "hi".py': "1\n"}, LEFT_OUT),
    "not-utf8": ({os.fsdecode(b"\xff\xfe.py"): "1\n"}, LEFT_OUT),
    "long": ({"x" * 230: "1\n"}, LEFT_OUT),
    "deep": ({"d/" * 60 + "x": "1\n"}, LEFT_OUT),
    "device": ({"pipe": Special("010644", b"x")}, rf"(?:{BROKEN}|{UPDATED}.*)"),
}  # fmt: skip

URL = "https://example.org/x.git"
TWICE = f'[submodule "submissions/Twice"]\n\tpath = submissions/Twice\n\turl = {URL}\n'
NAME, ADDRESS, LOCAL = "cannot be called", "is no address of a repository", "is no public host"
# Entries of .gitmodules that must never be acted on. What their URL is: what is said.
URLS = {
    "ext": ("ext::sh -c touch% pwned", ADDRESS),
    "file-url": ("file:///etc", ADDRESS),
    "path-url": ("/etc", ADDRESS),
    "relative": ("../other.git", ADDRESS),
    "option": ("-u./payload", ADDRESS),
    "upload-pack": ("--upload-pack=./payload", ADDRESS),
    "ssh-option": ("ssh://-oProxyCommand=touch%20pwned/x", ADDRESS),
    "ssh-path": ("git@example.org:-x/y", "begins with '-'"),
    "climbs": ("https://example.org/a/../b.git", "'..'"),
    "git-protocol": ("git://example.org/x.git", ADDRESS),
    "password": ("https://me:secret@example.org/x.git", "user name or token"),
    "plain-http": ("http://example.org/x.git", "http is not encrypted"),
    "loopback": ("https://localhost/x.git", LOCAL),
    "cloud": ("https://169.254.169.254/latest/x", LOCAL),
    "number": ("https://2130706433/x", LOCAL),
    "short-ip": ("https://127.1/x", LOCAL),
    "v6": ("https://[::1]/x", LOCAL),
}
# As they call themselves: (path, section, more rows, what is said).
ENTRIES = {
    "update": ("submissions/update", None, "\tupdate = !touch pwned\n", "'update' is not allowed"),
    "branchy": ("submissions/branchy", None, "\tbranch = --upload-pack=x\n", "name of a branch"),
    "x/../../hooks": ("submissions/x/../../hooks", None, "", NAME),
    "nested/inner": ("submissions/nested/inner", None, "", NAME),
    "cr\\x0d": ("submissions/cr\r", None, "", NAME),
    "-dash": ("submissions/-dash", None, "", NAME),
    ".git": ("submissions/.git", None, "", NAME),
    "other-name": ("submissions/other-name", "../../hooks", "", "must be called"),
    "submissions": ("submissions/submissions", "submissions", "", "must be called"),
    "../outside": ("../outside", "outside", "", NAME),
    "twice": ("submissions/twice", None, TWICE, "two entries"),
}
