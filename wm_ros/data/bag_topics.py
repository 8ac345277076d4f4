"""Which topics of a bag are a robot's: by the profile's relative names, in whatever namespace."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

from wm_ros.data.bag_messages import Bag
from wm_ros.data.recording import RecordingError
from wm_ros.robots.components import Camera
from wm_ros.robots.profile import RobotProfile

EPISODE_TOPIC = "episode"
MARKER_TYPE = "std_msgs/msg/Int32"
COMPRESSED = "/compressed"
IMAGE_TYPES = ("sensor_msgs/msg/Image", "sensor_msgs/msg/CompressedImage")


class TopicError(RecordingError):
    """A topic that was asked for by name and cannot be taken; the message names those there are."""


def image_topics(bag: Bag, profile: RobotProfile, camera: str | None = None) -> tuple[str, ...]:
    """The topic of each camera of the profile, as `image_topic` finds it; camera: the topics asked for, with commas.

    Raises RecordingError where one is missing: a model of several cameras cannot do with less.
    """
    asked = [None] * len(profile.cameras) if camera is None else camera.split(",")
    if len(asked) != len(profile.cameras):
        names = ", ".join(one.name for one in profile.cameras) or "one"
        raise TopicError(
            f"--camera {camera} names {len(asked)} topics, and robot {profile.name} has {len(profile.cameras)} cameras "
            f"({names}): name a topic for each, in this order, with commas between"
        )
    found = tuple(
        image_topic(bag, profile, topic, of) for topic, of in zip(asked, profile.cameras, strict=True)
    )
    if len(set(found)) < len(found):
        raise TopicError(f"{bag.path}: --camera {camera} names one topic for two cameras: {', '.join(found)}")
    return found


def image_topic(bag: Bag, profile: RobotProfile, camera: str | None = None, of: Camera | None = None) -> str:
    """The camera's topic, in the profile's transport if recorded so, else in the other one.

    camera: the topic asked for, with or without its namespace and `/compressed`, which then is preferred; None: the
    profile's. of: which of the profile's cameras, the first by default. Raises RecordingError, which names the option
    that helps, where no topic or more than one is meant.
    """
    of = of or profile.camera
    name = of.topic if camera is None else camera
    raw = name.removesuffix(COMPRESSED)
    cameras = [topic for topic, kind in bag.topics.items() if kind in IMAGE_TYPES]
    pictures = list(dict.fromkeys(topic.removesuffix(COMPRESSED) for topic in cameras))
    found = _named(pictures, raw)
    if len(found) == 1:
        compressed_first = raw != name or of.transport == "compressed"
        return max(
            (topic for topic in cameras if topic.removesuffix(COMPRESSED) == found[0]),
            key=lambda topic: topic.endswith(COMPRESSED) == compressed_first,
        )
    entry = f"topic of camera {of.name}" if of.name else "camera.topic"
    asked = f"profile {profile.name}, {entry}" if camera is None else "--camera"
    if found:
        problem = f"has {raw} more than once ({asked}): {', '.join(found)}: name one of them with `--camera`"
    else:
        what = f"no camera topic {raw} or {raw}{COMPRESSED} ({asked})"
        topics = ". ".join((bag.described_topics(), *bag.notes))
        problem = f"has {what}; it has {topics}{_camera_fix(pictures)}"
    raise (RecordingError if camera is None else TopicError)(f"{bag.path} {problem}")


def command_topic(bag: Bag, profile: RobotProfile, command: str | None = None) -> str | None:
    """The robot's command topic, None where it was not recorded.

    command: the topic asked for, with or without its namespace, which must be there; None: the profile's.
    """
    return _topic_of_type(bag, profile.command.topic, profile.command.type, "command.type", profile, command)


def action_topic(bag: Bag, profile: RobotProfile, command: str | None = None) -> str | None:
    """The topic that actions are found on: of the commands, or of the measured states; None where not recorded.

    command: as for `command_topic`.
    """
    if profile.actions_from == "commands":
        return command_topic(bag, profile, command)
    state = profile.required_state
    return _topic_of_type(bag, state.topic, state.type, "state.type", profile, command)


def other_commands(bag: Bag, profile: RobotProfile) -> str:
    """What to say of a bag without the profile's action topic: which others could be it; empty without any."""
    kind = profile.command.type if profile.actions_from == "commands" else profile.required_state.type
    if kind not in bag.topics.values():
        return ""
    return (
        f"no {profile.action_source}; of their type, {kind}, it has {_of_type(bag, kind)}: if these are the robot's, "
        "name the topic with `--command`"
    )


def find_topic(topics: Iterable[str], name: str) -> str | None:
    """The topic of this relative name; in whatever namespace, when only one namespace has it."""
    found = _named(topics, name)
    return found[0] if len(found) == 1 else None


def _named(topics: Iterable[str], name: str) -> list[str]:
    """The topic of exactly this name, else those that have it in a namespace."""
    name, topics = "/" + name.lstrip("/"), list(topics)
    return [name] if name in topics else [topic for topic in topics if topic.endswith(name)]


def _topic_of_type(
    bag: Bag, name: str, kind: str, entry: str, profile: RobotProfile, asked: str | None
) -> str | None:
    found = _named(bag.topics, name if asked is None else asked)
    if asked is not None and len(found) != 1:
        problem = f"has {asked} more than once: {', '.join(found)}" if found else f"has no topic {asked}"
        raise TopicError(f"{bag.path} {problem} (--command); of type {kind} it has {_of_type(bag, kind)}")
    topic = found[0] if len(found) == 1 else None
    if topic is not None and bag.topics[topic] != kind:
        raise (RecordingError if asked is None else TopicError)(
            f"{bag.path}: {topic} is {bag.topics[topic]}, but profile {profile.name} says {entry} {kind}; of that "
            f"type the bag has {_of_type(bag, kind)} (`--command` names the topic)"
        )
    return topic


def _of_type(bag: Bag, kind: str) -> str:
    return ", ".join(sorted(topic for topic, other in bag.topics.items() if other == kind)) or "none"


def _camera_fix(pictures: Sequence[str]) -> str:
    # Depth as image_transport compresses it is no picture that a decoder of pictures reads.
    able = [topic for topic in pictures if not topic.endswith("/compressedDepth")]
    if len(able) == 1:
        return f". If its only camera is meant, say so: `--camera {able[0]}`"
    return f". Name its camera with `--camera`: {' or '.join(able)}" if able else ""


def camera_topics(profile: RobotProfile) -> dict[str, str]:
    """Relative topic and message type of each camera, in the profile's order and transports."""
    return dict(
        (f"{camera.topic}{COMPRESSED}", "sensor_msgs/msg/CompressedImage")
        if camera.transport == "compressed"
        else (camera.topic, "sensor_msgs/msg/Image")
        for camera in profile.cameras
    )


def recorded_topics(profile: RobotProfile) -> dict[str, str]:
    """Relative topics, with their message types, that training needs or people want to see."""
    topics = {
        **camera_topics(profile),
        profile.command.topic: profile.command.type,
        EPISODE_TOPIC: MARKER_TYPE,
    }
    if profile.state is not None:
        topics[profile.state.topic] = profile.state.type
    return topics
