"""An executable for test_process.py: says hello until it leaves, last words on the way out, and raises on request."""

import sys

from rclpy.duration import Duration
from std_msgs.msg import Empty, String

from wm_ros.ros.lifecycle import ManagedNode
from wm_ros.ros.parameters import Parameter
from wm_ros.ros.process import run

PARAMETERS = (Parameter("rate_hz", 10.0, "Not used.", range=(1.0, 100.0)),)


class Probe(ManagedNode):
    def __init__(self):
        super().__init__("probe", PARAMETERS)
        self.words = self.create_publisher(String, "words", 10)
        self.hello = self.create_timer(0.05, lambda: self.words.publish(String(data="hello")))
        self.create_subscription(Empty, "raise", self.fail, 10)

    def fail(self, _):
        raise RuntimeError("told to raise")

    def deactivate(self):
        self.words.publish(String(data="zero"))

    def cleanup(self):
        self.words.publish(String(data="cleaned up"))
        self.words.wait_for_all_acked(Duration(seconds=5.0))


if __name__ == "__main__":
    sys.exit(run(Probe))
