"""A pipeline node between a camera, a goal publisher and subscribers to everything it publishes."""

from camera_harness import Camera, Goals
from diagnostic_msgs.msg import DiagnosticArray, DiagnosticStatus
from rclpy.qos import QoSProfile
from sensor_msgs.msg import Image
from trajectory_msgs.msg import JointTrajectory

from wm_ros.messages.stamp import to_ns
from wm_ros.nodes.pipeline_node import PipelineNode
from wm_ros.robots.profile import load_profile
from wm_ros.ros.qos import LATCHED

ARM = load_profile("arm")
STEP_NS = round(1e9 * ARM.model_dt)
QUICK = {"planner.batch_size": 16, "planner.elites": 4, "planner.iteration_count": 2}
# Pictures are shown one by one here.
PATIENT = {"camera_timeout_s": 60.0}
GOAL = {"planning": "set", "no goal": "none"}  # the figure `goal`, by the message
KEEP_ALL = QoSProfile(depth=100)


class PipelineBench:
    """A pipeline node with a camera and a goal publisher in front, and subscribers behind."""

    def __init__(self, ros, checkpoint):
        self.ros = ros
        self.checkpoint = checkpoint
        self.camera = Camera(ros)
        self.goals = Goals(ros)
        self.latents = ros.collect(Image, "latent", KEEP_ALL)
        self.actions = ros.collect(Image, "latent_action", KEEP_ALL)
        self.plans = ros.collect(JointTrajectory, "plan", KEEP_ALL)
        self.statuses = ros.collect(DiagnosticArray, "/pipeline/status", LATCHED)

    def start(self, **parameters):
        """An active node; dots in parameter names are written as two underscores."""
        named = {name.replace("__", "."): value for name, value in parameters.items()}
        options = {"autostart": True, "checkpoint": self.checkpoint, **PATIENT, **QUICK, **named}
        self.node = self.ros.start(PipelineNode, options)
        self.ros.until(lambda: self.node.state == "active", "the pipeline to be active")
        return self.node

    def show(self, frame, stamp_ns=None):
        """Show the camera a picture and wait for its latent; returns the stamp."""
        stamp_ns = self.camera.send(frame, stamp_ns)
        self.ros.until(lambda: stamp_ns in stamps(self.latents), "the frame's latent")
        return stamp_ns

    def set_goal(self, seed):
        self.goals.send(seed)
        self.status(DiagnosticStatus.OK, "planning")

    def plan(self, stamp_ns):
        self.ros.until(lambda: stamp_ns in stamps(self.plans), "the frame's plan")
        return next(plan for plan in self.plans if to_ns(plan.header.stamp) == stamp_ns)

    def status(self, level, text):
        """Wait until the node says so, from now on; whether it has a goal, it may say beside a complaint of this
        machine, which can be slower than the model."""
        self.statuses.clear()

        def found():
            newest = self.statuses[-1].status[0] if self.statuses else None
            if newest is None:
                return None
            goal = next((value.value for value in newest.values if value.key == "goal"), "")
            slow = newest.level == DiagnosticStatus.WARN and "longer than a model step" in newest.message
            if slow and level == DiagnosticStatus.OK and goal == GOAL.get(text):
                return newest
            return newest if newest.level == level and text in newest.message else None

        return self.ros.until(found, f"a status with {text!r}")

    def diagnostic_values(self):
        self.node.publish_status()
        return self.node.diagnostic_values()


def stamps(messages):
    return [to_ns(message.header.stamp) for message in messages]
