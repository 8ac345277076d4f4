"""What `wm_ros bench soak` makes of what it heard: which command followed how old a picture, and what grows."""

import numpy as np
import pytest
from std_msgs.msg import Float64MultiArray
from trajectory_msgs.msg import JointTrajectory

from wm_ros.messages.stamp import fill_stamp
from wm_ros.robots.profile import load_profile
from wm_ros.runs.soak import MEASURED, SoakListener, _figures, _growth, violations

ARM = load_profile("arm")
MS = 1_000_000
START = 1_700_000_000_000 * MS


@pytest.fixture
def listener(ros):
    return ros.start(lambda **options: SoakListener(ARM, **options))


def say(listener, commands, begin_ms=0, late_ms=0, first=0):
    """Commands [K] of the first joint, one each 20 ms."""
    for number, rate in enumerate(commands):
        at = START + (begin_ms + 20 * number) * MS
        info = {
            "received_timestamp": at + late_ms * MS,
            "source_timestamp": at,
            "publication_sequence_number": first + number,
        }
        listener.commands._on_command(Float64MultiArray(data=[rate, 0.0]), info)


def test_a_plan_counts_from_when_it_was_sent_however_late_the_listener_gets_it(listener):
    message = JointTrajectory()
    fill_stamp(message.header.stamp, START)
    listener._on_plan(message, {"source_timestamp": START + 50 * MS, "received_timestamp": START + 400 * MS})
    assert listener.plan_ages_s() == pytest.approx([0.05])
    say(listener, [0.1, 0.2, 0.2], begin_ms=60)
    assert listener.oldest_followed_s() == pytest.approx(0.1)


def test_the_age_is_that_of_the_newest_plan_when_the_command_was_sent_and_a_stop_does_not_count(listener):
    listener.plans_ns += [(START, START - 100 * MS), (START + 100 * MS, START + 20 * MS)]
    listener.frames += [3, 4, 6]
    say(listener, [0.1, 0.2, 0.2, 0.2, 0.2, 0.2, 0.1, 0.0, 0.0])
    assert listener.oldest_followed_s() == pytest.approx(0.18)  # at 80 ms, before the second plan
    figures = _figures(listener)
    assert figures["frames_sent"] == 4
    assert figures["frames_dropped"] == 1
    assert figures["camera_to_plan_ms_max"] == pytest.approx(100.0)
    assert figures["out_of_limits"] == 0


def test_growth_and_broken_promises():
    seconds = np.arange(100.0)
    samples = np.stack(
        [seconds, 300 + seconds / 36, 0 * seconds + 20, 0 * seconds + 90, 20 + seconds // 50], axis=1
    )
    growth = _growth(samples)
    pipeline, guard = MEASURED
    assert growth[f"{pipeline}_mb_per_hour"] == pytest.approx(100.0)
    assert growth[f"{guard}_mb_per_hour"] == pytest.approx(0.0, abs=1e-6)
    figures = {**growth, "oldest_picture_followed_s": 0.31, "out_of_limits": 0}
    assert violations(figures) == ["guard_node opens files"]
    told = violations(
        {**figures, "oldest_picture_followed_s": 0.5, "out_of_limits": 2, "guard_node_files_grown": 0}
    )
    assert told == ["a command followed a picture of 0.5 s > 0.32 s", "2 commands out of limits"]


def test_a_robot_that_stopped_itself_begins_at_rest_and_a_lost_message_is_no_jump(listener):
    say(listener, [0.1, 0.2, 0.3])
    say(listener, [0.0, 0.0], begin_ms=1000)
    assert len(listener.commands.violations()) == 0
    say(listener, [0.5], begin_ms=1040)
    assert len(listener.commands.violations()) == 1


@pytest.mark.parametrize("gap_ms", [240, 260])
def test_a_pause_is_one_however_late_the_listener_heard_the_command_before_it(listener, gap_ms):
    assert ARM.command.timeout_s == 0.25
    say(listener, [0.2, 0.4, 0.6], late_ms=150)
    say(
        listener, [0.0], begin_ms=40 + gap_ms, first=4
    )  # the guard was held up, and one command was dropped for the zero
    assert len(listener.commands.violations()) == 0


def test_a_sudden_stop_after_a_shorter_pause_is_out_of_limits(listener):
    say(listener, [0.1, 0.2, 0.3])
    say(listener, [0.0], begin_ms=40 + 220, first=3)
    assert len(listener.commands.violations()) == 1
    say(
        listener, [0.1], begin_ms=40 + 220 + 240, first=4
    )  # goes on below the timeout: from the command before
    assert len(listener.commands.violations()) == 1
