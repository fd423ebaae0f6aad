"""Files of waiting jobs on disk: the same bytes, and none of them in memory."""

import os
import pickle
import tracemalloc

import pytest

from grader.spool import Spool

FILES = {"exercises/a/solution.py": b"x = 1\r\n", "odd\udcff name": bytes(range(256)), "": b""}


def test_what_was_kept_is_given_back(tmp_path):
    with Spool(tmp_path / "not yet there") as spool:
        kept = [spool.keep(files) for files in (FILES, {}, {"b": b"2"})]
        assert [dict(files) for files in kept] == [FILES, {}, {"b": b"2"}]
        assert len(kept[0]) == 3
        with pytest.raises(KeyError):
            kept[1]["b"]


def test_another_process_is_sent_a_dictionary(tmp_path):
    with Spool(tmp_path) as spool:
        sent = pickle.loads(pickle.dumps(spool.keep(FILES)))
    assert type(sent) is dict
    assert sent == FILES


def test_memory_does_not_grow_with_what_is_kept(tmp_path):
    with Spool(tmp_path) as spool:
        tracemalloc.start()
        kept = [spool.keep({"solution.py": os.urandom(100_000)}) for _ in range(100)]
        used, _ = tracemalloc.get_traced_memory()
        tracemalloc.stop()
        assert used < 1_000_000
        assert len(kept[99]["solution.py"]) == 100_000


def test_nothing_has_a_name_on_disk(tmp_path):
    with Spool(tmp_path) as spool:
        spool.keep(FILES)
        assert list(tmp_path.iterdir()) == []
