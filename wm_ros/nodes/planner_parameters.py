"""The planner's parameters, and what they mean for a model: options and precision."""

from __future__ import annotations

from typing import TYPE_CHECKING, cast

from wm_ros.nodes.model_node import ModelNode
from wm_ros.planning.methods import METHODS
from wm_ros.planning.spaces import SPACES
from wm_ros.ros.parameters import Parameter

if TYPE_CHECKING:
    import torch

    from wm_ros.models.world_model import WorldModel
    from wm_ros.planning.options import PlannerOptions

PARAMETERS = (
    Parameter("planner.rate_hz", 10.0, "Plans at most this often.", range=(0.1, 1000.0)),
    Parameter(
        "planner.method",
        "auto",
        "How plans are looked for; straight_line holds one action, categorical needs a discrete latent action. auto: "
        "straight_line for a base, else cem.",
        choices=("auto", *METHODS),
        read_only=True,
    ),
    Parameter(
        "planner.space",
        "action",
        "What candidates are made of: robot actions, or latent actions, which need the way back to robot actions.",
        choices=tuple(SPACES),
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
        "Of mppi: the lower, the more the best candidates count; in standard deviations of the costs.",
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
    Parameter(
        "planner.proposals",
        True,
        "Let the networks suggest candidates; without latent actions they have none to suggest.",
        read_only=True,
    ),
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
        "State of the gripper from 0 (open) to 1, for a model that takes it, where the profile has no `gripper`.",
        range=(0.0, 1.0),
    ),
    Parameter("planner.seed", 0, "Seed of the candidates.", range=(0, 2**31 - 1), read_only=True),
    Parameter("visualize", False, "Publish the candidates as markers."),
)


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
    if not node.model.latent_actions and node.value("planner.context_frames") != 1:
        raise ValueError(
            f"planner.context_frames must be 1, got {node.value('planner.context_frames')}: this model sees one frame"
        )
    bottleneck = "none"
    if node.model.latent_actions:
        bottleneck = cast("WorldModel", node.model).card.bottleneck["name"]
    if node.value("planner.method") == "categorical" and bottleneck != "discrete":
        raise ValueError(
            f"planner.method categorical needs a discrete bottleneck, this model's is {bottleneck!r}: use cem"
        )
    same = ("method", "batch_size", "iteration_count", "elites", "temperature", "early_stop", "deadline_s")
    chosen = {name: node.value(f"planner.{name}") for name in (*same, "context_frames", "proposals", "space")}
    if chosen["method"] == "auto":
        chosen["method"] = default.method
    return PlannerOptions(knots=steps // held, steps_per_knot=held, **chosen)


def planner_precision(node: ModelNode, options: PlannerOptions) -> torch.dtype:
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
