# All memory that came with the fork: nothing secret may ever have been in the process it is a fork of.
import re

SECRET = re.compile(rb"CANARY-[0-9a-f]{8}|ONLY_THE_JUDGE_KNOW[S]|def test_\w+\(student|hidden_test[s]/test_")
with open("/proc/self/maps", "rb") as maps:
    areas = [line.split() for line in maps if line.split()[1].startswith(b"rw")]
with open("/proc/self/mem", "rb", buffering=0) as memory:
    for area in areas:
        start, end = (int(word, 16) for word in area[0].split(b"-"))
        for at in range(start, end, 1 << 24):
            try:
                memory.seek(at)
                part = memory.read(min(1 << 24, end - at))
            except (OSError, ValueError, OverflowError):
                continue
            if match := SECRET.search(part):
                found(part[max(0, match.start() - 30) : match.end() + 30])
            del part
report()
