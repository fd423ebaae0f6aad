"""Keep pytest away from the tiny course's own tests and from the students' code."""

collect_ignore = ["course", "submissions"]
