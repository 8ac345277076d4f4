"""What the guard is measured against: `sleep`, the least that Python can do, and `timer`, what one would write first.

Run as a process: `python -m wm_ros.runs.guard_baselines sleep PERIOD_S COUNT` prints when it woke as JSON;
`timer PERIOD_S TOPIC` publishes zeros until it is ended, and listens to `plan`.
"""

from __future__ import annotations

import json
import sys
import time


def sleep(period_s: float, count: int) -> None:
    """Sleep from period to period: how late it wakes is the machine's doing."""
    due_s, times_s = time.monotonic(), []
    for _ in range(count):
        due_s += period_s
        time.sleep(max(0.0, due_s - time.monotonic()))
        times_s.append(time.monotonic())
    print(json.dumps(times_s))


def timer(period_s: float, topic: str) -> None:
    """A node with an rclpy timer that publishes zeros, and a subscription that does nothing: it guards nobody."""
    import rclpy
    from std_msgs.msg import Float64MultiArray
    from trajectory_msgs.msg import JointTrajectory

    from wm_ros.ros.qos import COMMAND, PLAN

    rclpy.init()
    node = rclpy.create_node("timer")
    publisher = node.create_publisher(Float64MultiArray, topic, COMMAND)
    node.create_subscription(JointTrajectory, "plan", lambda message: None, PLAN)
    node.create_timer(period_s, lambda: publisher.publish(Float64MultiArray(data=[0.0, 0.0])))
    rclpy.spin(node)


if __name__ == "__main__":
    what, period_s, last = sys.argv[1:]
    if what == "sleep":
        sleep(float(period_s), int(last))
    else:
        timer(float(period_s), last)
