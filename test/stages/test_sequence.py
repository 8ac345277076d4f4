"""One goal after the other, as a function of time, distances and the guard."""

import pytest

from wm_ros.stages.sequence import GoalSequence, Outcome, SequenceOptions, SequenceState

OPTIONS = SequenceOptions(reached=0.5, hold_s=1.0, limit_s=20.0, stuck_s=8.0)


class Driven:
    """A sequence in a world of ticks of 0.1 s."""

    def __init__(self, count=3, options=OPTIONS):
        self.sequence = GoalSequence(options, count)
        self.now_s = 100.0
        assert self.sequence.start(self.now_s) == ""

    def see(self, distance, seconds=0.1, guard="active"):
        """The goal is so far for so long."""
        for _ in range(round(seconds / 0.1)):
            self.now_s += 0.1
            if distance is not None:
                self.sequence.measure(self.now_s, distance)
            self.sequence.tick(self.now_s, guard)
        return self.sequence

    @property
    def outcomes(self):
        return [result.outcome for result in self.sequence.results]


def test_the_next_goal_comes_when_one_is_reached_and_held_and_the_last_one_ends_it():
    driven = Driven(count=2)
    driven.see(3.0, 1.0)
    assert driven.see(0.4, 0.9).number == 0, "not held long enough"
    assert driven.see(0.4, 0.3).number == 1
    assert driven.sequence.shows == 2
    assert driven.see(2.0, 1.0).state is SequenceState.DRIVING
    assert driven.see(0.1, 1.2).state is SequenceState.DONE
    assert driven.outcomes == [Outcome.REACHED, Outcome.REACHED]
    first = driven.sequence.results[0]
    assert (first.start_distance, first.distance) == (3.0, 0.4)
    assert first.seconds == pytest.approx(2.1, abs=0.11)
    assert driven.sequence.start(driven.now_s) == "it is done: reset it to begin anew"


def test_who_passes_by_has_not_arrived():
    driven = Driven()
    for _ in range(4):
        driven.see(0.4, 0.8)
        driven.see(0.9, 0.2)
    assert driven.outcomes == []


def test_a_distance_that_trembles_about_the_threshold_is_held():
    driven = Driven()
    driven.see(0.49, 0.1)
    for _ in range(6):
        driven.see(0.7, 0.1)  # under one and a half of it
        driven.see(0.45, 0.1)
    assert driven.outcomes == [Outcome.REACHED]


def test_time_is_up_near_a_goal_that_is_not_quite_reached():
    driven = Driven()
    driven.see(4.0, 0.1)
    assert driven.see(0.9, 19.0).number == 0
    driven.see(0.9, 1.1)
    assert (driven.outcomes, driven.sequence.number) == ([Outcome.LATE], 1)


def test_a_goal_that_gets_no_nearer_ends_the_sequence_where_it_stands():
    driven = Driven()
    driven.see(4.0, 7.5)
    assert driven.sequence.running
    driven.see(3.8, 1.0)  # nearer by less than what counts
    assert driven.sequence.state is SequenceState.DONE
    assert driven.outcomes == [Outcome.STUCK]
    assert driven.sequence.reason == "goal 1 is not getting nearer"


def test_hiccups_of_the_guard_do_not_keep_it_from_being_stuck():
    driven = Driven()
    for _ in range(10):
        driven.see(4.0, 0.9)
        driven.see(4.0, 0.1, guard="stopping")
    assert driven.outcomes == [Outcome.STUCK]


def test_a_goal_that_gets_nearer_slowly_has_its_time():
    driven = Driven()
    for step in range(3):
        driven.see(4.0 - 0.6 * step, 6.0)
    assert driven.sequence.running


def test_nobody_drives_so_it_is_not_stuck():
    driven = Driven()
    driven.see(4.0, 15.0, guard="idle")
    assert driven.sequence.running
    driven.see(4.0, 5.1, guard="idle")
    assert driven.outcomes == [Outcome.LATE], "time goes on in a dry run, too"


def test_a_guard_that_stops_stops_the_sequence_which_goes_on_with_the_same_goal():
    driven = Driven()
    driven.see(0.1, 1.2)
    driven.see(4.0, 1.0)
    driven.see(4.0, 0.1, guard="stopped")
    assert (driven.sequence.state, driven.sequence.number) == (SequenceState.STOPPED, 1)
    assert "guard" in driven.sequence.reason
    driven.see(0.1, 30.0, guard="stopped")
    assert driven.outcomes == [Outcome.REACHED], "nothing happens meanwhile"
    shown = driven.sequence.shows
    assert driven.sequence.start(driven.now_s) == ""
    assert (driven.sequence.number, driven.sequence.shows) == (1, shown + 1)
    assert driven.see(4.0, 1.0, guard="stopped").running, "it has not been started yet"


@pytest.mark.parametrize("guard", ["stopping", "holding", "waiting"])
def test_a_hiccup_of_the_guard_stops_nothing(guard):
    driven = Driven()
    driven.see(4.0, 1.0)
    assert driven.see(4.0, 0.5, guard=guard).running


def test_stop_and_skip():
    driven = Driven()
    driven.sequence.stop("enough")
    assert (driven.sequence.state, driven.sequence.reason) == (SequenceState.STOPPED, "enough")
    assert driven.sequence.skip(driven.now_s) == ""
    assert (driven.sequence.state, driven.sequence.number) == (SequenceState.STOPPED, 1)
    driven.sequence.start(driven.now_s)
    driven.sequence.skip(driven.now_s)
    assert (driven.sequence.state, driven.sequence.number) == (SequenceState.DRIVING, 2)
    driven.sequence.skip(driven.now_s)
    assert driven.sequence.state is SequenceState.DONE
    assert driven.outcomes == [Outcome.SKIPPED] * 3
    assert "done" in driven.sequence.skip(driven.now_s)
    driven.sequence.reset()
    assert (driven.sequence.state, driven.outcomes, driven.sequence.number) == (SequenceState.IDLE, [], 0)


def test_without_goals_there_is_nothing_to_start():
    assert GoalSequence(OPTIONS).start(0.0) == "there is no goal"
