"""How a guard met a fault, told from made-up tracks whose figures are known."""

import pytest

from wm_ros.evaluation.replay.faults import Fault
from wm_ros.evaluation.replay.safety import GuardEvent, GuardTrace, false_stops, measure_reaction
from wm_ros.evaluation.replay.thresholds import ThresholdError, Thresholds, failures, load_thresholds

STALE = "observation too old: age 0.31 s"
BEGIN, END = 2.0, 3.5


def trace(*events, end_s=6.0, moving_s=()):
    states = [GuardEvent(0.0, "waiting", ""), GuardEvent(0.2, "active", "")]
    return GuardTrace((*states, *(GuardEvent(*event) for event in events)), moving_s, end_s)


STOPPED_FOR_GOOD = trace(
    (2.4, "stopping", STALE),
    (2.5, "holding", STALE),
    (3.4, "stopped", STALE),
    (3.6, "waiting", ""),
    (3.7, "active", ""),
)


def test_a_stop_is_timed_from_the_first_false_frame_until_the_robot_stands():
    reaction = measure_reaction(STOPPED_FOR_GOOD, BEGIN, END, restarted=True)
    assert reaction.time_to_stop_s == pytest.approx(0.5)
    assert reaction.held_pct == pytest.approx(100.0)
    assert reaction.time_to_resume_s == pytest.approx(0.2)
    assert reaction.restarted
    assert reaction.reason == STALE
    assert false_stops(STOPPED_FOR_GOOD, (BEGIN, END)) == pytest.approx((0, 0.0, 1.8 + 2.3))


def test_a_guard_that_goes_on_in_the_fault_has_not_held():
    seen = trace((2.4, "stopping", STALE), (2.5, "holding", STALE), (3.0, "active", ""))
    reaction = measure_reaction(seen, BEGIN, END, restarted=False)
    assert reaction.held_pct == pytest.approx(50.0)
    assert reaction.time_to_resume_s == 0.0


def test_a_guard_that_never_stops_and_one_that_never_goes_on():
    blind = measure_reaction(trace(), BEGIN, END, restarted=False)
    assert (blind.time_to_stop_s, blind.held_pct, blind.time_to_resume_s) == (None, 0.0, None)
    too_late = measure_reaction(
        trace((3.4, "stopping", STALE), (3.6, "holding", STALE)), BEGIN, END, restarted=False
    )
    assert too_late.time_to_stop_s is None
    dead = measure_reaction(
        trace((2.4, "stopping", STALE), (2.5, "holding", STALE)), BEGIN, END, restarted=False
    )
    assert dead.time_to_resume_s is None


def test_nothing_is_tested_where_no_plan_was_followed_when_the_fault_began():
    assert measure_reaction(trace((1.9, "stopping", STALE)), BEGIN, END, restarted=False) is None


def test_stops_without_a_fault_are_counted_and_timed():
    seen = trace((1.0, "stopping", STALE), (1.5, "active", ""))
    assert [stop.at_s for stop in seen.stops()] == [1.0]
    assert false_stops(seen) == pytest.approx((1, 0.5, 5.8))
    assert false_stops(GuardTrace((GuardEvent(0.0, "waiting", ""),), (), 6.0)) == (0, 0.0, 0.0)


def test_commands_after_the_guard_said_that_the_robot_stands_are_counted():
    events = ((2.4, "stopping", STALE), (2.5, "holding", STALE), (3.5, "active", ""))
    assert trace(*events, moving_s=[1.0, 2.45, 2.55, 3.45, 3.6]).moved_while_standing() == 0
    assert trace(*events, moving_s=[2.9, 3.0]).moved_while_standing() == 2


LIMITS = Thresholds(1.0, 5.0, 0.7, 95.0, 1.0)
DEAD = Fault("dead", 2.0, 1.5)


def test_a_good_replay_misses_nothing():
    good = measure_reaction(STOPPED_FOR_GOOD, BEGIN, END, restarted=True)
    assert failures(LIMITS, 0.1, 0.2, 0.0, [(DEAD, good)]) == []


@pytest.mark.parametrize(
    ("events", "said"),
    [
        ((), "fault 0 (dead): the robot was not stopped"),
        (((1.9, "stopping", STALE),), "nothing was tested: begin it later"),
        (
            ((2.8, "stopping", STALE), (2.9, "holding", STALE), (3.6, "active", "")),
            "time to stop 0.90 s > 0.7 s",
        ),
        (((2.4, "holding", STALE), (3.0, "active", "")), "held for 55 % of the rest of the fault < 95 %"),
        (((2.4, "holding", STALE),), "it did not go on after the fault"),
        (((2.4, "holding", STALE), (4.6, "active", "")), "time to resume 1.10 s > 1 s"),
    ],
)
def test_each_missed_bound_is_a_sentence(events, said):
    reaction = measure_reaction(trace(*events), BEGIN, END, restarted=False)
    missed = failures(LIMITS, 0.1, 0.2, 0.0, [(DEAD, reaction)])
    assert len(missed) == 1
    assert said in missed[0]
    assert failures(
        Thresholds(max_false_stop_pct=5.0), None, 0.2, 0.0, [(DEAD, None)]
    )  # untested is never passed


def test_latency_and_false_stops_are_bounded_too():
    missed = failures(LIMITS, 0.25, 0.2, 7.0, [])
    assert missed == [
        "camera to plan takes 250 ms (p95) > 200 ms",
        "stopped 7.0 % of the time without a fault > 5 %",
    ]
    assert failures(LIMITS, None, 0.2, None, []) == ["no plan was made", "the guard followed no plan"]


def test_thresholds_come_from_a_file_and_what_it_leaves_out_is_not_judged(tmp_path):
    assert None not in vars(load_thresholds(None)).values()
    own = tmp_path / "own.yaml"
    own.write_text("max_time_to_stop_s: 0.5\n")
    assert load_thresholds(own) == Thresholds(max_time_to_stop_s=0.5)


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("max_time_to_stop: 1", "must be a mapping of some of max_plan_latency_p95_steps"),
        ("- 1", "must be a mapping"),
        ("min_held_pct: .nan", "min_held_pct must be a number of 0 or more, got nan"),
        ("min_held_pct: [", "cannot be read"),
    ],
)
def test_thresholds_that_mean_nothing_are_refused(tmp_path, text, said):
    file = tmp_path / "own.yaml"
    file.write_text(text)
    with pytest.raises(ThresholdError, match=said):
        load_thresholds(file)
