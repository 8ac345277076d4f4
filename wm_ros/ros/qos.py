"""Quality of service of every topic, and what to do when two sides do not fit."""

from __future__ import annotations

from rclpy.qos import DurabilityPolicy, QoSProfile, ReliabilityPolicy, qos_policy_name_from_kind

RELIABILITY_CHOICES = ("best_effort", "reliable")

# A command or a plan that could not be delivered in time is worth nothing: only the newest counts.
COMMAND = QoSProfile(depth=1, reliability=ReliabilityPolicy.RELIABLE)
PLAN = COMMAND
# The guard sees every plan, also two between its ticks: a wrong one stops the robot though a good one follows.
PLAN_SUBSCRIPTION = QoSProfile(depth=10, reliability=ReliabilityPolicy.RELIABLE)
# A reliable publisher serves both kinds of subscriber.
OUTPUT = COMMAND
# Every stop must arrive.
STOP = QoSProfile(depth=10, reliability=ReliabilityPolicy.RELIABLE)
# Late joiners get the last message: goals and status.
LATCHED = QoSProfile(
    depth=1, reliability=ReliabilityPolicy.RELIABLE, durability=DurabilityPolicy.TRANSIENT_LOCAL
)
# All frames of a demonstration, which is as long as that at most.
MOST_FRAMES = 1000
DEMONSTRATION = QoSProfile(
    depth=MOST_FRAMES, reliability=ReliabilityPolicy.RELIABLE, durability=DurabilityPolicy.TRANSIENT_LOCAL
)
# How we read the streams of others of which only the newest counts: it fits both kinds of publisher.
STREAM = QoSProfile(depth=1, reliability=ReliabilityPolicy.BEST_EFFORT)


def image_qos(reliability: str, depth: int) -> QoSProfile:
    """Profile of a camera subscription from the parameters `image_reliability` and `image_depth`."""
    return QoSProfile(depth=depth, reliability=ReliabilityPolicy[reliability.upper()])


def incompatible_qos_fix(topic: str, policy_kind: int) -> str:
    """What to change when a publisher on `topic` offers less than we ask for."""
    policy = qos_policy_name_from_kind(policy_kind).removesuffix("_QOS_POLICY").lower()
    fix = {
        "reliability": "the publisher is best effort: read it best effort (for a camera `image_reliability: "
        "best_effort`) or make it reliable",
        "durability": "the publisher must be transient local (`ros2 topic pub --qos-durability "
        "transient_local`)",
    }.get(policy, f"make the publisher's {policy} match")
    return f"a publisher on {topic} offers incompatible QoS ({policy}), nothing is received from it; {fix}"
