COURSE = "@@COURSE@@"
for name in ("", "reading.by_path", "reading.by_path~honest", "reading.by_import", "..", "../submissions"):
    folder = f"{COURSE}/submissions/{name}"
    for path in (
        folder,
        f"{folder}/exercises/vectors/solution.py",
        f"{folder}/exercises/vectors/PSEUDOCODE.md",
    ):
        attempt(f"read {path}", read, path)
        attempt(f"stat {path}", os.stat, path)
for path in ("/sandbox/..", "/sandbox/work/../..", "../..", "../../.."):
    attempt(f"list {path}", os.listdir, path)
report()
