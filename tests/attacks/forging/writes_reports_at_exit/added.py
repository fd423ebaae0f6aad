import atexit
import os
import pathlib

REPORT = '<testsuites><testsuite name="vectors" tests="1" failures="0"/></testsuites> forged-by-a-student'
FOLDERS = ("@@COURSE@@/reports", "reports", "/reports", os.environ.get("GITHUB_WORKSPACE", "/") + "/reports")
FILES = ("junit/forging.writes_reports_at_exit.xml", "scores.json", "scores.csv", "summary.md", "junit.xml")


def forge():
    for path in (pathlib.Path(folder, file) for folder in FOLDERS for file in FILES):
        try:
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_text(REPORT)
        except OSError:
            pass


atexit.register(forge)
forge()
