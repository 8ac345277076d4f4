"""The lifecycle base: loud failures, checked parameters, heartbeat, autostart."""

import pytest
from diagnostic_msgs.msg import DiagnosticArray, DiagnosticStatus
from lifecycle_msgs.srv import GetState
from rcl_interfaces.srv import DescribeParameters, SetParameters
from rclpy.exceptions import ParameterException
from rclpy.parameter import Parameter as RosParameter

from wm_ros.ros.diagnostics import Level
from wm_ros.ros.lifecycle import ManagedNode
from wm_ros.ros.parameters import Parameter
from wm_ros.ros.qos import LATCHED

PARAMETERS = (
    Parameter("rate_hz", 10.0, "How often.", range=(0.1, 100.0)),
    Parameter("low", 0.0, "Lower end."),
    Parameter("high", 1.0, "Upper end."),
    Parameter("depth", 1, "How many.", range=(1, 10), read_only=True),
    Parameter("transport", "raw", "Which.", choices=("raw", "compressed")),
)


class Probe(ManagedNode):
    """Records its steps, and raises in those it is told to."""

    def __init__(self, fail=(), **options):
        self.steps = []
        self.fail = set(fail)
        super().__init__("probe", PARAMETERS, **options)

    def _step(self, name):
        self.steps.append(name)
        if name in self.fail:
            raise RuntimeError(f"{name} is out of order: buy a new one")

    def configure(self):
        self._step("configure")

    def activate(self):
        self._step("activate")

    def deactivate(self):
        self._step("deactivate")

    def cleanup(self):
        self._step("cleanup")

    def check_parameters(self, values):
        if values["low"] >= values["high"]:
            raise ValueError(f"low must be below high, got {values['low']} and {values['high']}")

    def diagnostic_values(self):
        return {"answer": 42}


@pytest.fixture
def statuses(ros):
    return ros.collect(DiagnosticArray, "/probe/status", LATCHED)


def state_of(ros):
    return ros.call(GetState, "/probe/get_state").current_state.label


def await_status(ros, statuses, level, text):
    def found():
        return next((s for a in statuses for s in a.status if s.level == level and text in s.message), None)

    return ros.until(found, f"a status with {text!r}")


def set_parameter(ros, name, value):
    request = SetParameters.Request(parameters=[RosParameter(name, value=value).to_parameter_msg()])
    return ros.call(SetParameters, "/probe/set_parameters", request).results[0]


def test_full_cycle_by_service(ros):
    probe = ros.start(Probe)
    for transition, state in (
        ("configure", "inactive"),
        ("activate", "active"),
        ("deactivate", "inactive"),
        ("cleanup", "unconfigured"),
    ):
        assert ros.change_state("/probe", transition)
        assert state_of(ros) == state
    assert probe.steps == ["configure", "activate", "deactivate", "cleanup"]


@pytest.mark.parametrize(
    ("fail", "transitions", "state", "steps"),
    [
        ("configure", ["configure"], "unconfigured", ["configure", "cleanup"]),
        ("activate", ["configure", "activate"], "inactive", ["configure", "activate", "deactivate"]),
        (
            "deactivate",
            ["configure", "activate", "deactivate"],
            "unconfigured",
            ["configure", "activate", "deactivate", "cleanup"],
        ),
    ],
)
def test_a_failing_step_fails_the_transition_undoes_it_and_says_why(
    ros, statuses, fail, transitions, state, steps
):
    probe = ros.start(Probe, fail=[fail])
    answers = [ros.change_state("/probe", transition) for transition in transitions]
    assert answers == [True] * (len(transitions) - 1) + [False]
    assert state_of(ros) == state
    assert probe.steps == steps
    status = await_status(ros, statuses, DiagnosticStatus.ERROR, "buy a new one")
    assert status.message.startswith(f"{fail} failed")


def test_a_failed_configure_can_be_mended_and_repeated(ros, statuses):
    probe = ros.start(Probe, fail=["configure"])
    assert not ros.change_state("/probe", "configure")
    probe.fail.clear()
    assert ros.change_state("/probe", "configure")
    await_status(ros, statuses, DiagnosticStatus.WARN, "ros2 lifecycle set /probe activate")


def test_an_impossible_transition_is_refused_and_the_node_lives(ros):
    ros.start(Probe)
    assert not ros.change_state("/probe", "activate")
    assert ros.change_state("/probe", "configure")


def test_shutdown_from_active_stops_and_releases(ros):
    probe = ros.start(Probe)
    ros.change_state("/probe", "configure")
    ros.change_state("/probe", "activate")
    assert ros.change_state("/probe", "shutdown")
    assert state_of(ros) == "finalized"
    assert probe.steps == ["configure", "activate", "deactivate", "cleanup"]


@pytest.mark.parametrize("transitions", [[], ["configure"], ["configure", "activate"]])
def test_on_exit_goes_all_the_way_down(ros, transitions):
    probe = ros.start(Probe, fail=["cleanup"])
    for transition in transitions:
        ros.change_state("/probe", transition)
    probe.on_exit()
    assert probe.state == "finalized"
    assert probe.steps.count("deactivate") == transitions.count("activate")


def test_autostart(ros):
    probe = ros.start(Probe, {"autostart": True})
    ros.until(lambda: probe.state == "active", "autostart")


def test_a_failed_autostart_leaves_a_node_that_says_why(ros, statuses):
    probe = ros.start(Probe, {"autostart": True}, fail=["configure"])
    await_status(ros, statuses, DiagnosticStatus.ERROR, "buy a new one")
    assert probe.state == "unconfigured"


def test_heartbeat_beats_while_inactive_and_while_simulated_time_stands_still(ros):
    ros.start(Probe, {"use_sim_time": True})
    beats = ros.collect(DiagnosticArray, "/diagnostics")
    ros.until(lambda: len(beats) >= 3, "three heartbeats")
    assert beats[-1].status[0].name == "probe"
    assert beats[-1].status[0].level == DiagnosticStatus.WARN
    assert "ros2 lifecycle set /probe configure" in beats[-1].status[0].message


def test_faults_reach_the_status_at_once_and_clear(ros, statuses):
    probe = ros.start(Probe, {"autostart": True})
    status = await_status(ros, statuses, DiagnosticStatus.OK, "running")
    assert {value.key: value.value for value in status.values} == {"state": "active", "answer": "42"}
    probe.faults.set("hand", Level.WARN, "hand is cold")
    probe.faults.set("eye", Level.ERROR, "eye is shut: open it")
    status = await_status(ros, statuses, DiagnosticStatus.ERROR, "eye is shut")
    assert "hand" not in status.message, "only what is worst is in the message"
    probe.faults.clear("eye")
    await_status(ros, statuses, DiagnosticStatus.WARN, "hand is cold")
    probe.faults.clear("hand")
    statuses.clear()
    await_status(ros, statuses, DiagnosticStatus.OK, "running")


def test_faults_end_with_the_activity_that_saw_them(ros):
    probe = ros.start(Probe, {"autostart": True})
    ros.until(lambda: probe.state == "active", "autostart")
    probe.faults.set("eye", Level.ERROR, "eye is shut")
    assert ros.change_state("/probe", "deactivate")
    assert ros.change_state("/probe", "activate")
    assert probe.status() == (Level.OK, "running")


@pytest.mark.parametrize(
    ("name", "value", "why"),
    [
        ("rate_hz", 0.0, "out of range"),
        ("high", float("nan"), "must be finite"),
        ("depth", 11, "out of range"),
        ("transport", "theora", "one of raw, compressed; got 'theora'"),
        ("low", 2.0, "low must be below high, got 2.0 and 1.0"),
    ],
)
def test_a_wrong_set_is_refused_with_the_reason(ros, name, value, why):
    probe = ros.start(Probe)
    before = probe.value(name)
    result = set_parameter(ros, name, value)
    assert not result.successful
    assert why in result.reason
    assert probe.value(name) == before


def test_a_parameter_read_at_configure_can_be_changed_only_before(ros):
    probe = ros.start(Probe)
    assert set_parameter(ros, "depth", 2).successful
    ros.change_state("/probe", "configure")
    result = set_parameter(ros, "depth", 3)
    assert not result.successful
    assert "deactivate and clean up first" in result.reason
    assert set_parameter(ros, "rate_hz", 20.0).successful
    ros.change_state("/probe", "cleanup")
    assert set_parameter(ros, "depth", 3).successful
    assert probe.value("depth") == 3


@pytest.mark.parametrize(
    ("parameters", "why"),
    [({"transport": "theora"}, "one of raw, compressed"), ({"low": 3.0}, "low must be below high")],
)
def test_configure_fails_on_wrong_values_from_a_file(ros, statuses, parameters, why):
    probe = ros.start(Probe, parameters)
    assert not ros.change_state("/probe", "configure")
    await_status(ros, statuses, DiagnosticStatus.ERROR, why)
    assert "configure" not in probe.steps


@pytest.mark.parametrize("parameters", [{"rate_hz": -1.0}, {"rate_hz": "fast"}, {"depth": 0}])
def test_values_out_of_range_or_of_the_wrong_type_are_refused_at_start(ros, parameters):
    with pytest.raises(ParameterException, match=next(iter(parameters))):
        ros.start(Probe, parameters)


def test_descriptors_say_meaning_and_bounds(ros):
    ros.start(Probe)
    request = DescribeParameters.Request(names=["rate_hz", "depth", "transport"])
    rate, depth, transport = ros.call(DescribeParameters, "/probe/describe_parameters", request).descriptors
    assert rate.description == "How often."
    assert (rate.floating_point_range[0].from_value, rate.floating_point_range[0].to_value) == (0.1, 100.0)
    assert depth.integer_range[0].to_value == 10
    assert "clean up" in depth.additional_constraints
    assert "raw, compressed" in transport.additional_constraints
