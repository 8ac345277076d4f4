"""The operator's line says state, reason, age, latency and rates, and nothing that the node does not."""

from wm_ros.commands.status_line import status_line

GUARD = {
    "level": "WARN",
    "state": "active",
    "guard": "stopping",
    "message": "stopping: observation too old: age 0.31 s > 0.30 s",
    "observation_age_s": "0.312",
    "max_observation_age_s": "0.3",
    "plans_hz": "9.8",
    "commands_hz": "50.0",
}
PIPELINE = {
    "level": "OK",
    "state": "active",
    "message": "planning",
    "camera_to_plan_ms_p95": "84.1",
    "latency_budget_ms": "200",
    "input_hz": "20.0",
    "dropped_frozen": "3",
    "dropped_replaced": "1",
    "goal_distance": "0.4213",
}


def test_the_guard_s_line():
    assert status_line("guard", GUARD) == (
        "guard: stopping | stopping: observation too old: age 0.31 s > 0.30 s | picture 0.312 of 0.3 s old | "
        "plans 9.8 Hz | commands 50.0 Hz"
    )


def test_the_pipeline_s_line():
    assert status_line("left/pipeline", PIPELINE) == (
        "left/pipeline: active | planning | camera to plan 84.1 of 200 ms (p95) | frames 20.0 Hz | "
        "dropped 3 frozen, 1 replaced | goal at 0.4213"
    )


def test_a_node_that_is_not_configured_has_state_and_message_only():
    assert status_line("guard", {"state": "inactive", "message": "inactive: activate"}) == (
        "guard: inactive | inactive: activate"
    )


def test_a_guard_without_a_picture_has_no_age():
    line = status_line("guard", GUARD | {"observation_age_s": ""})
    assert "picture" not in line
