"""An executable for test_guard_faults.py: plans the same motion 20 times a second, from a picture just taken."""

import rclpy
from trajectory_msgs.msg import JointTrajectory, JointTrajectoryPoint

from wm_ros.messages.plan import Plan, fill_plan
from wm_ros.robots.profile import load_profile
from wm_ros.ros.qos import PLAN

PERIOD_S = 0.05
RATES = [1.2, -0.9]


def main() -> None:
    rclpy.init()
    node = rclpy.create_node("planner")
    publisher = node.create_publisher(JointTrajectory, "plan", PLAN)
    names = load_profile("arm").names

    def plan() -> None:
        stamp_ns = node.get_clock().now().nanoseconds
        message = fill_plan(
            JointTrajectory(),
            Plan(stamp_ns, names, [RATES, [0.0, 0.0]], [0.0, 1.0]),
            JointTrajectoryPoint,
        )
        publisher.publish(message)

    node.create_timer(PERIOD_S, plan)
    rclpy.spin(node)


if __name__ == "__main__":
    main()
