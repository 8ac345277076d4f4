"""The pool of worker processes: real ones, that fail, are killed, and know of no other process."""

import os
from functools import partial

import pytest

pytest.importorskip("torch")

from wm_ros.training.worker_pool import Workers, WorkersError


def look_around(path, report):
    import torch

    path.write_text(f"{torch.get_num_threads()} {sorted({'RANK', 'WORLD_SIZE'} & set(os.environ))}")
    report("looking", 0.5, at_once=True)
    report("left out, so soon after", 0.6)


def fail(said, report):
    raise ValueError(said)


def die(report):
    os.kill(os.getpid(), 9)


def test_when_tasks_fail_the_others_are_done_and_the_first_error_is_raised(tmp_path, monkeypatch):
    monkeypatch.setenv("RANK", "1")
    monkeypatch.setenv("WORLD_SIZE", "2")
    tasks = [("bad", partial(fail, "the first")), ("worse", partial(fail, "the second"))]
    tasks.append(("good", partial(look_around, tmp_path / "seen")))
    told, done = [], {}
    with pytest.raises(ValueError, match="the first"), Workers(1) as workers:
        workers.run(tasks, lambda *progress: told.append(progress), done.__setitem__)
    assert (tmp_path / "seen").read_text() == "1 []"
    assert told == [("good", "looking", 0.5)]
    assert {name: str(error) for name, error in done.items()} == {
        "bad": "the first",
        "worse": "the second",
        "good": "None",
    }


def test_a_worker_that_is_killed_is_told_with_what_to_do():
    with pytest.raises(WorkersError, match="perhaps for want of memory: lower --jobs"), Workers(1) as workers:
        workers.run([("killed", die)], print, lambda name, error: None)
