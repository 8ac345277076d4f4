"""The model thread: newest job per slot, order of submission, no exception ends it, an orderly stop."""

import threading

import pytest
from patience import WAIT_S

from wm_ros.ros.latency import Latency
from wm_ros.ros.worker import Worker


class Log:
    """What the worker reported, and a way to wait for it."""

    def __init__(self):
        self.done = []
        self._changed = threading.Condition()

    def on_done(self, slot, error):
        with self._changed:
            self.done.append((slot, error))
            self._changed.notify_all()

    def wait(self, count):
        with self._changed:
            assert self._changed.wait_for(lambda: len(self.done) >= count, timeout=WAIT_S), self.done


@pytest.fixture
def log():
    return Log()


@pytest.fixture
def worker(log):
    worker = Worker("test", log.on_done)
    worker.start()
    yield worker
    worker.stop()


def hold(worker):
    """Keep the worker busy until the returned event is set."""
    begun, go = threading.Event(), threading.Event()

    def job():
        begun.set()
        assert go.wait(WAIT_S)

    worker.submit("hold", job)
    assert begun.wait(WAIT_S)
    return go


def test_only_the_newest_of_a_slot_runs_and_slots_keep_their_order(worker, log):
    go = hold(worker)
    ran = []
    assert not worker.submit("frame", lambda: ran.append("old frame"))
    assert not worker.submit("goal", lambda: ran.append("goal"))
    assert worker.submit("frame", lambda: ran.append("new frame"))
    assert worker.busy_s() > 0.0
    go.set()
    log.wait(3)
    assert ran == ["goal", "new frame"]


def test_an_exception_is_reported_and_the_next_job_runs(worker, log):
    worker.submit("frame", lambda: 1 / 0)
    log.wait(1)
    worker.submit("frame", lambda: None)
    log.wait(2)
    assert isinstance(log.done[0][1], ZeroDivisionError)
    assert log.done[1] == ("frame", None)
    assert worker.busy_s() == 0.0


def test_stop_waits_for_the_job_drops_the_others_and_can_be_started_again(worker, log):
    go = hold(worker)
    worker.submit("frame", lambda: pytest.fail("must have been dropped"))
    with pytest.raises(TimeoutError, match=r"test thread did not finish its work within 0\.01 s"):
        worker.stop(timeout_s=0.01)
    with pytest.raises(RuntimeError, match="still works on a job"):
        worker.start()
    go.set()
    worker.stop()
    assert [slot for slot, _ in log.done] == ["hold"]
    assert not worker.submit("frame", lambda: pytest.fail("must be ignored"))
    worker.start()
    worker.submit("frame", lambda: None)
    log.wait(2)


def test_latency_percentiles_over_the_last_hundred():
    latency = Latency()
    assert latency.percentile(50) is None
    latency.add(1.0)
    assert (latency.percentile(50), latency.percentile(95)) == (1.0, 1.0)
    for value in range(1, 101):
        latency.add(float(value))
    assert (latency.percentile(50), latency.percentile(95)) == (50.0, 95.0)
