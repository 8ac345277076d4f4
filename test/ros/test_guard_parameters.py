"""The guard's parameters on real topics: wrong ones are refused with a reason, changes count at once."""

import pytest
from guard_rig import Rig, guard, profile_file
from lifecycle_msgs.srv import GetState
from rcl_interfaces.msg import Parameter, ParameterType, ParameterValue
from rcl_interfaces.srv import SetParameters

from wm_ros.nodes.guard_node import GuardNode


@pytest.fixture
def rig(ros):
    return Rig(ros)


def set_parameter(ros, name, value):
    if isinstance(value, bool):
        message = ParameterValue(type=ParameterType.PARAMETER_BOOL, bool_value=value)
    elif isinstance(value, str):
        message = ParameterValue(type=ParameterType.PARAMETER_STRING, string_value=value)
    else:
        message = ParameterValue(type=ParameterType.PARAMETER_DOUBLE, double_value=value)
    request = SetParameters.Request(parameters=[Parameter(name=name, value=message)])
    return ros.call(SetParameters, "/guard/set_parameters", request).results[0]


def test_switching_enable_control_off_stops_and_on_waits_for_start(ros, rig):
    guard(ros, stop_hold_s=0.2)
    rig.move()
    assert set_parameter(ros, "enable_control", False).successful
    rig.until_silent()
    rig.check_stop(hold_s=0.2)
    rig.until_status("stopped: requested: enable_control was switched off")
    rig.start()
    rig.until_status("dry run")
    count = len(rig.commands)
    assert set_parameter(ros, "enable_control", True).successful
    ros.spin_for(0.3)
    assert len(rig.commands) == count
    rig.call("stop")
    ros.until(lambda: rig.call("start").success, "the end of the dry run's stop")
    rig.until_at(rig.rates)


@pytest.mark.parametrize(
    ("changes", "component", "text"),
    [
        ({}, {"min": 0.5, "max": 1.0}, "min <= 0 <= max"),
        ({}, {"min": 1.5, "max": -1.5}, "min <= 0 <= max"),
        ({}, {"max_acceleration": -10.0}, "max_acceleration must be greater than 0"),
        ({}, {"max_jerk": 0.0}, "max_jerk must be greater than 0"),
        ({}, {"max": float("nan")}, "max must be a finite number"),
        ({}, {"max_acceleration": None}, "max_acceleration must be a finite number"),
        ({}, {"field": "data[0]"}, "fields of the components must differ"),
        ({}, {"field": "velocity"}, "no number at field 'velocity'"),
        ({"command": {"rate_hz": 0.0}}, {}, "rate_hz must be greater than 0"),
        ({"command": {"timeout_s": 0.03}}, {}, "shorter than two periods"),
        ({"command": {"type": "std_msgs/msg/Nonsense"}}, {}, "Nonsense"),
        ({"command": {"type": "no_such_msgs/msg/Command"}}, {}, "no_such_msgs"),
        ({"command": {"type": "Float64MultiArray"}}, {}, "Float64MultiArray"),
    ],
)
def test_wrong_limits_make_configure_fail_and_say_why(ros, rig, tmp_path, changes, component, text):
    path = profile_file(tmp_path, changes, **component)
    ros.start(GuardNode, {"profile": str(path), "enable_control": True})
    assert not ros.change_state("/guard", "configure")
    assert ros.call(GetState, "/guard/get_state").current_state.label == "unconfigured"
    assert text in rig.until_status("configure failed")


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("max_observation_age_s", 0.0),
        ("max_observation_age_s", 60.0),
        ("max_observation_age_s", float("nan")),
        ("future_tolerance_s", -0.1),
        ("clock_jump_s", 0.0),
        ("stop_hold_s", -1.0),
        ("stop_heartbeat_timeout_s", -1.0),
        ("profile", "other.yaml"),
    ],
)
def test_wrong_dynamic_sets_are_rejected_with_a_reason(ros, rig, name, value):
    node = guard(ros)
    rig.until_status("idle: call ~/start")
    before = node.value(name)
    result = set_parameter(ros, name, value)
    assert not result.successful
    assert name in result.reason
    assert node.value(name) == before


def test_the_age_limit_can_be_changed_while_moving(ros, rig):
    guard(ros)
    rig.move()
    assert set_parameter(ros, "max_observation_age_s", 0.05).successful  # plans are 0.05 s old on arrival
    rig.until_silent()
    assert "> 0.05 s" in rig.until_status("observation too old")
