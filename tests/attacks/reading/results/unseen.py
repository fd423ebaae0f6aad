import sqlite3

COURSE = "@@COURSE@@"
for path in (
    ".grader",
    ".grader/results.sqlite",
    ".grader/results.sqlite-wal",
    "reports",
    "reports/scores.json",
    "reports/scores.csv",
    "reports/junit",
    "reports/junit/reading.by_path.xml",
):
    attempt(f"read {path}", read, f"{COURSE}/{path}")
    attempt(f"stat {path}", os.stat, f"{COURSE}/{path}")
try:
    sqlite3.connect(f"file:{COURSE}/.grader/results.sqlite?mode=ro", uri=True).execute(
        "select * from results"
    )
except sqlite3.Error:
    pass
else:
    found("the store")
report()
