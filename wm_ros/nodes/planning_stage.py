"""The planning stage on topics: a goal image and latents in, plans out."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from functools import partial
from typing import TYPE_CHECKING, Any, cast

from sensor_msgs.msg import Image
from std_msgs.msg import Float32, Header
from std_srvs.srv import Trigger
from trajectory_msgs.msg import JointTrajectory, JointTrajectoryPoint
from visualization_msgs.msg import MarkerArray

from wm_ros.messages.compressed import ImageError
from wm_ros.messages.plan import fill_plan
from wm_ros.messages.stamp import to_ns
from wm_ros.nodes.candidate_markers import candidate_markers
from wm_ros.nodes.demonstration_frames import DemonstrationFrames
from wm_ros.nodes.end_effector import EndEffector, PoseError
from wm_ros.nodes.interfaces import Stage
from wm_ros.nodes.model_node import ModelNode
from wm_ros.nodes.planner_parameters import PARAMETERS, planner_options, planner_precision
from wm_ros.nodes.sources import image_encoder
from wm_ros.ros.diagnostics import Level
from wm_ros.ros.qos import DEMONSTRATION, LATCHED, OUTPUT, PLAN, incompatible_qos_fix
from wm_ros.ros.stream import SubscriptionEventCallbacks

if TYPE_CHECKING:
    from torch import Tensor

    from wm_ros.models.action_conditioned.model import ActionConditionedModel


class GoalPlanner(Stage):
    """Plans to a goal for each latent it is called with, not more often than `planner.rate_hz`.

    The goal comes from `goal_image`, which may have been published before the node started, or from the
    service `~/capture_goal`; without one, or with one that cannot be decoded, nothing is planned. Nor is anything
    when the model needs the pose of the end effector at the frame, and it is not known. In place of a goal, all frames
    of a demonstration come on `demonstration`: then it is imitated.
    """

    _node: ModelNode

    PARAMETERS = PARAMETERS

    def __init__(self, node: ModelNode):
        from wm_ros.stages.plan import PlanStage

        super().__init__(node)
        self._encode_image = image_encoder(node)
        self._end_effector = EndEffector(node) if node.model.needs_pose else None
        options = planner_options(node)
        precision, compiled = planner_precision(node, options), node.value("compile")
        self._stage = PlanStage(node.model, options, node.value("planner.seed"), precision, compiled)
        node.expected_end = self._stage.expected_end
        self._plans = node.advertise(JointTrajectory, "plan", PLAN)
        self._distances = node.advertise(Float32, "~/goal_distance", OUTPUT)
        self._candidates = node.advertise(MarkerArray, "~/candidates", OUTPUT)
        node.serve(Trigger, "~/capture_goal", self._on_capture_goal)
        node.serve(Trigger, "~/reset", self._on_reset)
        self._goal_subscription: Any = None
        self._demonstration_subscription: Any = None
        self._arriving, self._demonstration = DemonstrationFrames(), list[Any]()
        self._distance: float | None = None
        # Cards of models that others trained say nothing of it.
        reached = getattr(node.model.card, "reached", None)
        self._reached: float | None = None if reached is None else reached.distance
        self._next_plan_ns = 0.0

    def warm_up(self) -> None:
        self._stage.warm_up()

    def open(self) -> None:
        if self._end_effector is not None:
            self._end_effector.open()
        self._goal_subscription = self._node.create_subscription(
            Image,
            "goal_image",
            self._on_goal_image,
            LATCHED,
            event_callbacks=SubscriptionEventCallbacks(incompatible_qos=self._on_incompatible_qos),
        )
        self._demonstration_subscription = self._node.create_subscription(
            Image, "demonstration", self._on_demonstration, DEMONSTRATION
        )

    def close(self) -> None:
        if self._goal_subscription is not None:
            self._node.destroy_subscription(self._goal_subscription)
            self._node.destroy_subscription(self._demonstration_subscription)
            self._goal_subscription = self._demonstration_subscription = None
        if self._end_effector is not None:
            self._end_effector.close()

    def check(self) -> None:
        if self._end_effector is not None:
            self._end_effector.check()

    def restart(self) -> None:
        """Forget the last plan, keep the goal."""
        self._stage.reset()
        self._next_plan_ns = 0.0

    def forget(self) -> None:
        """Forget goal and last plan: nothing is planned until there is a new goal."""
        self._stage.set_goal(None)
        self._node.goal, self._demonstration = None, []
        self._distance = None
        self.restart()
        self._node.status_changed()

    def __call__(self, header: Header, latent: Tensor) -> None:
        """Plan from this latent and publish, when there is a goal and the last plan is old enough."""
        stamp_ns = to_ns(header.stamp)
        oldest_ns = self._set_model_pose(stamp_ns)
        if oldest_ns is None:
            return
        period_ns = 1e9 / self._node.value("planner.rate_hz")
        # Half a period of slack: a camera of nearly the same rate must not lose every other plan to jitter.
        if not self._stage.has_goal or stamp_ns < self._next_plan_ns - period_ns / 2:
            return
        self._next_plan_ns = max(self._next_plan_ns, stamp_ns) + period_ns
        result = self._stage(stamp_ns, latent, lead_s=self._node.latency_s("plan") or 0.0)
        if self._stage.follower is not None:
            self._node.goal = self._demonstration[int(self._stage.follower.at)]
        plan = result.plan.behind(oldest_ns) if oldest_ns < stamp_ns else result.plan
        self._plans.publish(fill_plan(JointTrajectory(), plan, JointTrajectoryPoint))
        self._node.record_latency("plan", stamp_ns, "lower planner.batch_size or planner.iteration_count")
        self._distance = result.goal_distance
        self._distances.publish(Float32(data=result.goal_distance))
        if self._node.value("visualize") and self._candidates.get_subscription_count():
            step_s = float(result.plan.times_s[1])
            robot = self._node.profile.name
            self._candidates.publish(candidate_markers(header.stamp, result.candidates, step_s, robot))

    def _set_model_pose(self, stamp_ns: int) -> int | None:
        """Give a model that needs it the pose of the end effector at a frame.

        Returns the oldest stamp behind the plan, the frame's included; None, and a fault, when the pose is not known.
        """
        if self._end_effector is None:
            return stamp_ns
        try:
            pose, measured_ns = self._end_effector.pose(stamp_ns)
        except PoseError as error:
            self._node.faults.set("pose for a plan", Level.ERROR, f"no plan: {error}")
            return None
        cast("ActionConditionedModel", self._node.model).at(pose)
        self._node.faults.clear("pose for a plan")
        return min(stamp_ns, measured_ns)

    def summary(self) -> str:
        """What a person may want to do."""
        if self._stage.has_goal:
            return "planning"
        topic = self._node.resolve_topic_name("goal_image")
        service = f"{self._node.get_fully_qualified_name()}/capture_goal"
        return f"no goal: publish one on {topic} or call {service}"

    def diagnostic_values(self) -> Mapping[str, object]:
        figures = {"goal": "set" if self._stage.has_goal else "none"}
        goal, distance = self._node.goal, self._distance
        if goal is not None:
            figures["goal_stamp_ns"] = str(to_ns(goal.header.stamp))
        if distance is not None:
            figures["goal_distance"] = f"{distance:.4f}"
        if self._reached is not None:
            figures["reached_distance"] = f"{self._reached:.4f}"
        follower = self._stage.follower
        if follower is not None:
            figures["demonstration_frame"] = f"{int(follower.at) + 1} of {len(follower.demonstration)}"
        return figures

    def _on_goal_image(self, message: Image) -> None:
        self._node.enqueue("goal image", partial(self._set_goal, self._encode_image, message))

    def _on_demonstration(self, message: Image) -> None:
        try:
            frames = self._arriving(message)
        except ImageError as error:
            self._node.faults.set("demonstration", Level.ERROR, str(error))
            return
        if frames is not None:
            self._node.enqueue("demonstration", partial(self._imitate, frames))

    def _imitate(self, frames: list[Image]) -> None:
        import torch

        self.forget()
        if self._reached is None:
            raise ImageError(
                "the checkpoint does not say at which distance a frame is reached, so that no demonstration can be "
                "imitated: have it measured with `wm_ros calibrate`"
            )
        self._stage.set_demonstration(torch.stack([self._encode_image(one) for one in frames]), self._reached)
        self._demonstration, self._node.goal = frames, frames[0]
        self._node.figures_changed()

    def _on_capture_goal(self, _: Trigger.Request, response: Trigger.Response) -> Trigger.Response:
        stream = self._node.stream
        message = stream.newest if stream is not None else None
        response.success = message is not None
        if message is not None:
            self._node.enqueue("goal image", partial(self._set_goal, self._node.source.read, message))
            response.message = f"the goal is the frame stamped {to_ns(message.header.stamp) * 1e-9:.3f} s"
        elif stream is None:
            response.message = f"the node is {self._node.state}: activate it first"
        else:
            response.message = f"no frame on {stream.topic} to capture: see the diagnostics"
        return response

    def _on_reset(self, _: Trigger.Request, response: Trigger.Response) -> Trigger.Response:
        self._node.enqueue("reset", self.forget)
        response.success = True
        response.message = "no goal any more"
        return response

    def _set_goal(self, encode: Callable[[Any], Tensor], message: Any) -> None:
        self.forget()  # a new goal that cannot be read ends the old one too
        self._stage.set_goal(encode(message))
        self._node.goal = message
        self._node.figures_changed()  # whoever gave the goal waits for its stamp

    def _on_incompatible_qos(self, event: Any) -> None:
        fix = incompatible_qos_fix(self._goal_subscription.topic_name, event.last_policy_kind)
        self._node.faults.set("goal image", Level.WARN, fix)
