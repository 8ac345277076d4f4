"""A Franka as processes: pictures and poses become plans and commands, and a signal leaves the last pose standing."""

import signal

import numpy as np
import pytest
from guard_rig import Rig
from target_rigs import PoseRig

from wm_ros.robots.profile import load_profile

GUARD = "wm_ros.nodes.guard_node"


class TellingRig(Rig):
    """Of a robot that takes velocities and tells where it is and how far its gripper is closed."""

    telling = True

    def __init__(self, ros, profile):
        from robot_state import RobotState

        super().__init__(ros, profile)
        state = RobotState(ros, profile)
        ros.node.create_timer(
            0.03, lambda: self.telling and state.send(ros.node.get_clock().now().nanoseconds)
        )


@pytest.mark.parametrize(
    ("name", "kind", "said"),
    [("franka", TellingRig, "observation too old"), ("franka_pose", PoseRig, "pose too old")],
)
def test_v_jepa_2_ac_and_a_guard_move_it_within_its_limits(ros, processes, tmp_path, name, kind, said):
    pytest.importorskip("torch")
    from camera_harness import Camera, Goals
    from checkpoint_harness import write_action_conditioned

    profile = load_profile(name)
    rig, camera, goals = kind(ros, profile), Camera(ros), Goals(ros)
    pipeline = processes.start(
        "wm_ros.nodes.pipeline_node",
        {
            "autostart": True,
            "profile": name,
            "checkpoint": write_action_conditioned(tmp_path / "ac", profile),
            "planner.batch_size": 8,
            "planner.iteration_count": 1,
            "planner.time_steps": 4,
        },
    )
    guard = processes.start(
        GUARD, {"autostart": True, "enable_control": True, "profile": name, "max_observation_age_s": 1.0}
    )
    seeds = iter(range(10_000))
    ros.node.create_timer(0.1, lambda: camera.send(next(seeds)))
    goals.send(next(seeds))
    rig.until_status("idle: call ~/start")
    rig.start()
    ros.until(lambda: len(rig.commands) > 50 and np.any(rig.commands[-1]), "commands")
    if hasattr(rig.messages[-1], "joint_names"):
        assert tuple(rig.messages[-1].joint_names) == profile.names
    rig.telling = False  # no pose, no plan: the guard stops by itself
    rig.until_silent()
    rig.check_stop()
    rig.until_status(said)
    for child in (pipeline, guard):
        child.send(signal.SIGTERM)
        assert child.wait() == 0


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_a_signal_leaves_a_last_pose_that_does_not_move(ros, processes, number):
    rig = PoseRig(ros)
    guard = processes.start(GUARD, {"autostart": True, "enable_control": True, "profile": "franka_pose"})
    rig.move([0.1, -0.1, 0.05, 0.2, 0.0, -0.3])
    guard.send(number)
    rig.until_silent()
    rig.check_stop()
    np.testing.assert_array_equal(rig.targets()[-1], rig.targets()[-2])
    assert guard.wait() == 0
