"""A fault is said when it begins, when it changes and when it is over, and not in between."""

import pytest

from wm_ros.ros.diagnostics import Faults, Level


class Logger:
    def __init__(self):
        self.lines = []

    def error(self, text):
        self.lines.append(("error", text))

    def warning(self, text):
        self.lines.append(("warning", text))

    def info(self, text):
        self.lines.append(("info", text))


@pytest.fixture
def logger():
    return Logger()


@pytest.fixture
def changes():
    return []


@pytest.fixture
def faults(logger, changes):
    return Faults(logger, lambda: changes.append(1))


def test_said_once_while_only_figures_change_then_recovered(faults, logger, changes):
    for length in (100, 99, 98):
        faults.set("image", Level.ERROR, f"{length} bytes, expected 200")
    faults.clear("image")
    faults.clear("image")
    assert logger.lines == [("error", "image: 100 bytes, expected 200"), ("info", "image: recovered")]
    assert len(changes) == 2


def test_another_reason_or_level_is_said_again(faults, logger):
    assert faults.set("camera", Level.WARN, "no publisher")
    assert faults.set("camera", Level.WARN, "incompatible QoS")
    assert faults.set("camera", Level.ERROR, "incompatible QoS")
    assert not faults.set("camera", Level.ERROR, "incompatible QoS")
    assert [severity for severity, _ in logger.lines] == ["warning", "warning", "error"]


def test_worst_joins_what_is_equally_bad_and_forget_is_silent(faults, logger):
    assert faults.worst() == (Level.OK, "")
    faults.set("a", Level.WARN, "a is slow")
    faults.set("b", Level.ERROR, "b is dead")
    faults.set("c", Level.ERROR, "c is dead")
    assert faults.worst() == (Level.ERROR, "b is dead; c is dead")
    said = len(logger.lines)
    faults.clear_all()
    assert faults.worst() == (Level.OK, "")
    assert len(logger.lines) == said
