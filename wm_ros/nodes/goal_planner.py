"""The planning stage on topics: a goal image and latents in, plans out."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from functools import partial
from typing import TYPE_CHECKING, Any

from sensor_msgs.msg import Image
from std_msgs.msg import Float32, Header
from std_srvs.srv import Trigger
from trajectory_msgs.msg import JointTrajectory, JointTrajectoryPoint
from visualization_msgs.msg import MarkerArray

from wm_ros.messages.plan import fill_plan
from wm_ros.messages.stamp import to_ns
from wm_ros.nodes.end_effector import EndEffector, PoseError
from wm_ros.nodes.faults import Level
from wm_ros.nodes.markers import candidate_markers
from wm_ros.nodes.model_node import ModelNode
from wm_ros.nodes.parameters import Parameter
from wm_ros.nodes.parts import Stage
from wm_ros.nodes.qos import LATCHED, OUTPUT, PLAN, incompatible_qos_fix
from wm_ros.nodes.sources import image_encoder
from wm_ros.nodes.stream import SubscriptionEventCallbacks

if TYPE_CHECKING:
    import torch
    from torch import Tensor

    from wm_ros.planning.options import PlannerOptions

PARAMETERS = (
    Parameter("planner.rate_hz", 10.0, "Plans at most this often.", range=(0.1, 1000.0)),
    Parameter(
        "planner.method",
        "auto",
        "How plans are looked for; straight_line holds one action, categorical needs a discrete latent action. auto: "
        "straight_line for a base, else cem.",
        choices=("auto", "cem", "mppi", "straight_line", "categorical"),
        read_only=True,
    ),
    Parameter("planner.batch_size", 64, "Candidates per iteration.", range=(4, 65536), read_only=True),
    Parameter("planner.iteration_count", 2, "Iterations per plan.", range=(1, 1000), read_only=True),
    Parameter(
        "planner.elites", 8, "Candidates the next iteration grows from.", range=(1, 65536), read_only=True
    ),
    Parameter(
        "planner.time_steps",
        0,
        "Model steps of the horizon; 0: for a base as many as take two seconds, else 10.",
        range=(0, 1000),
        read_only=True,
    ),
    Parameter("planner.steps_per_knot", 2, "Model steps an action is held.", range=(1, 1000), read_only=True),
    Parameter(
        "planner.temperature",
        0.3,
        "Of mppi: the lower, the more the best candidates count; in spreads of the costs.",
        range=(1e-3, 1e3),
        read_only=True,
    ),
    Parameter(
        "planner.deadline_s",
        0.0,
        "No iteration begins that would not end within this time: the best so far is the plan; 0: never.",
        range=(0.0, 60.0),
        read_only=True,
    ),
    Parameter(
        "planner.early_stop",
        0.0,
        "Ends when an iteration makes the best cost less than this share better; 0: never.",
        range=(0.0, 1.0),
        read_only=True,
    ),
    Parameter("planner.proposals", False, "Let the networks suggest candidates.", read_only=True),
    Parameter(
        "planner.context_frames",
        1,
        "Observed frames, a model step apart, that the forward model sees.",
        range=(1, 8),
        read_only=True,
    ),
    Parameter(
        "planner.precision",
        "auto",
        "auto: bf16 where it was measured to be faster and to choose the same candidates, else fp32.",
        choices=("auto", "fp32"),
        read_only=True,
    ),
    Parameter(
        "planner.gripper",
        0.0,
        "State of the gripper from 0 (open) to 1, for a model that is told it, where the profile has no `gripper`.",
        range=(0.0, 1.0),
    ),
    Parameter("planner.seed", 0, "Seed of the candidates.", range=(0, 2**31 - 1), read_only=True),
    Parameter("visualize", False, "Publish the candidates as markers."),
)


class GoalPlanner(Stage):
    """Plans to a goal for each latent it is called with, not more often than `planner.rate_hz`.

    The goal comes from `goal_image`, which may have been published before the node started, or from the
    service `~/capture_goal`; without one, or with one that cannot be decoded, nothing is planned. Nor is anything
    when the model has to be told where the end effector was at the frame, and nobody knows.
    """

    PARAMETERS = PARAMETERS

    def __init__(self, node: ModelNode):
        from wm_ros.stages.plan import PlanStage

        super().__init__(node)
        self._encode_image = image_encoder(node)
        self._end_effector = EndEffector(node) if node.model.needs_pose else None
        options = planner_options(node)
        precision, compiled = _precision(node, options), node.value("compile")
        self._stage = PlanStage(node.model, options, node.value("planner.seed"), precision, compiled)
        self._plans = node.advertise(JointTrajectory, "plan", PLAN)
        self._distances = node.advertise(Float32, "~/goal_distance", OUTPUT)
        self._candidates = node.advertise(MarkerArray, "~/candidates", OUTPUT)
        node.serve(Trigger, "~/capture_goal", self._on_capture_goal)
        node.serve(Trigger, "~/reset", self._on_reset)
        self._goal_subscription: Any = None
        self._distance: float | None = None
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

    def close(self) -> None:
        if self._goal_subscription is not None:
            self._node.destroy_subscription(self._goal_subscription)
            self._goal_subscription = None
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
        self._node.goal = None
        self._distance = None
        self.restart()
        self._node.status_changed()

    def __call__(self, header: Header, latent: Tensor) -> None:
        """Plan from this latent and publish, when there is a goal and the last plan is old enough."""
        oldest_ns = stamp_ns = to_ns(header.stamp)
        if self._end_effector is not None:
            oldest_ns = self._tell_pose(stamp_ns)
            if oldest_ns is None:
                return
        period_ns = 1e9 / self._node.value("planner.rate_hz")
        # Half a period of slack: a camera of nearly the same rate must not lose every other plan to jitter.
        if not self._stage.has_goal or stamp_ns < self._next_plan_ns - period_ns / 2:
            return
        self._next_plan_ns = max(self._next_plan_ns, stamp_ns) + period_ns
        result = self._stage(stamp_ns, latent, lead_s=self._node.latency_s("plan") or 0.0)
        plan = result.plan.behind(oldest_ns) if oldest_ns < stamp_ns else result.plan
        self._plans.publish(fill_plan(JointTrajectory(), plan, JointTrajectoryPoint))
        self._node.measure("plan", stamp_ns, "lower planner.batch_size or planner.iteration_count")
        self._distance = result.goal_distance
        self._distances.publish(Float32(data=result.goal_distance))
        if self._node.value("visualize") and self._candidates.get_subscription_count():
            step_s = float(result.plan.times_s[1])
            robot = self._node.profile.name
            self._candidates.publish(candidate_markers(header.stamp, result.candidates, step_s, robot))

    def _tell_pose(self, stamp_ns: int) -> int | None:
        """Tell the model where the end effector was at a frame, and return the oldest stamp behind that, the frame's
        included; None, and a fault, when it is not known."""
        try:
            pose, measured_ns = self._end_effector.pose(stamp_ns)
        except PoseError as error:
            self._node.faults.set("pose for a plan", Level.ERROR, f"no plan: {error}")
            return None
        self._node.model.at(pose)
        self._node.faults.clear("pose for a plan")
        return min(stamp_ns, measured_ns)

    def summary(self) -> str:
        """What a person may want to do."""
        if self._stage.has_goal:
            return "planning"
        topic = self._node.resolve_topic_name("goal_image")
        service = f"{self._node.get_fully_qualified_name()}/capture_goal"
        return f"no goal: publish one on {topic} or call {service}"

    def figures(self) -> Mapping[str, object]:
        distance = self._distance
        goal = "set" if self._stage.has_goal else "none"
        return {"goal": goal} if distance is None else {"goal": goal, "goal_distance": f"{distance:.4f}"}

    def _on_goal_image(self, message: Image) -> None:
        self._node.enqueue("goal image", partial(self._set_goal, self._encode_image, message))

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
        self._node.status_changed()

    def _on_incompatible_qos(self, event: Any) -> None:
        fix = incompatible_qos_fix(self._goal_subscription.topic_name, event.last_policy_kind)
        self._node.faults.set("goal image", Level.WARN, fix)


def planner_options(node: ModelNode) -> PlannerOptions:
    """The planner's parameters as its options; ValueError when they do not fit together or the model."""
    from wm_ros.planning.options import PlannerOptions, planner_of

    default = planner_of(node.profile)
    steps, held = node.value("planner.time_steps") or default.time_steps, node.value("planner.steps_per_knot")
    elites, batch_size = node.value("planner.elites"), node.value("planner.batch_size")
    if steps % held:
        raise ValueError(
            f"planner.time_steps must be a multiple of planner.steps_per_knot, got {steps} and {held}"
        )
    if elites > batch_size:
        raise ValueError(f"planner.elites must not exceed planner.batch_size, got {elites} of {batch_size}")
    if not node.model.latent_actions:
        _require_default(node, "planner.proposals", "planner.context_frames")
    bottleneck = node.model.card.bottleneck["name"] if node.model.latent_actions else "none"
    if node.value("planner.method") == "categorical" and bottleneck != "discrete":
        raise ValueError(
            f"planner.method categorical needs a discrete bottleneck, this model's is {bottleneck!r}: use cem"
        )
    same = ("method", "batch_size", "iteration_count", "elites", "temperature", "early_stop", "deadline_s")
    chosen = {name: node.value(f"planner.{name}") for name in (*same, "context_frames", "proposals")}
    if chosen["method"] == "auto":
        chosen["method"] = default.method
    return PlannerOptions(knots=steps // held, steps_per_knot=held, **chosen)


def _require_default(node: ModelNode, *names: str) -> None:
    """ValueError for a parameter that asks of the model what only one with latent actions can do."""
    for name in names:
        default = next(parameter.default for parameter in PARAMETERS if parameter.name == name)
        if node.value(name) != default:
            raise ValueError(
                f"{name} must stay {default}: this model has no latent actions, and sees one frame"
            )


def _precision(node: ModelNode, options: PlannerOptions) -> torch.dtype:
    """What the networks imagine in; says why, once."""
    import torch

    from wm_ros.planning.precision import compare_precisions

    if node.value("planner.precision") == "fp32":
        if torch.float32 not in node.model.precisions:
            raise ValueError(
                "planner.precision fp32: this checkpoint is of bf16; convert it again, or use auto"
            )
        return torch.float32
    if len(node.model.precisions) == 1:
        return node.model.precisions[0]
    compared = compare_precisions(node.model, options)
    node.get_logger().info(f"planner.precision: {compared}")
    return torch.bfloat16 if compared.bf16 else torch.float32
