"""Which topics of a bag are a robot's: by the profile's relative names, in whatever namespace."""

from __future__ import annotations

from collections.abc import Iterable

from wm_ros.data.bag_messages import Bag
from wm_ros.data.recording import RecordingError
from wm_ros.robots.profile import RobotProfile

EPISODE_TOPIC = "episode"
MARKER_TYPE = "std_msgs/msg/Int32"
IMAGE_TYPES = ("sensor_msgs/msg/Image", "sensor_msgs/msg/CompressedImage")


def image_topic(bag: Bag, profile: RobotProfile) -> str:
    """The camera's topic, in the profile's transport if recorded so, else in the other one."""
    raw, compressed = profile.camera.topic, f"{profile.camera.topic}/compressed"
    wanted = (compressed, raw) if profile.camera.transport == "compressed" else (raw, compressed)
    cameras = {topic: kind for topic, kind in bag.topics.items() if kind in IMAGE_TYPES}
    for name in wanted:
        topic = find_topic(cameras, name)
        if topic is not None:
            return topic
    raise RecordingError(
        f"{bag.path} has no camera topic {' or '.join(wanted)} (profile {profile.name}, camera.topic); "
        f"it has {'. '.join((bag.described_topics(), *bag.notes))}"
    )


def command_topic(bag: Bag, profile: RobotProfile) -> str | None:
    """The robot's command topic, None where it was not recorded."""
    topic = find_topic(bag.topics, profile.command.topic)
    if topic is not None and bag.topics[topic] != profile.command.type:
        raise RecordingError(
            f"{bag.path}: {topic} is {bag.topics[topic]}, but profile {profile.name} says command.type "
            f"{profile.command.type}"
        )
    return topic


def action_topic(bag: Bag, profile: RobotProfile) -> str | None:
    """The topic that actions are found on: of the commands, or of the measured states; None where not recorded."""
    if profile.actions_from == "commands":
        return command_topic(bag, profile)
    state = profile.required_state
    topic = find_topic(bag.topics, state.topic)
    if topic is not None and bag.topics[topic] != state.type:
        raise RecordingError(
            f"{bag.path}: {topic} is {bag.topics[topic]}, but profile {profile.name} says state.type {state.type}"
        )
    return topic


def find_topic(topics: Iterable[str], name: str) -> str | None:
    """The topic of this relative name; in whatever namespace, when only one namespace has it."""
    name = "/" + name.lstrip("/")
    if name in topics:
        return name
    found = [topic for topic in topics if topic.endswith(name)]
    return found[0] if len(found) == 1 else None


def camera_topic(profile: RobotProfile) -> tuple[str, str]:
    """Relative topic and message type of the camera, in the profile's transport."""
    if profile.camera.transport == "compressed":
        return f"{profile.camera.topic}/compressed", "sensor_msgs/msg/CompressedImage"
    return profile.camera.topic, "sensor_msgs/msg/Image"


def recorded_topics(profile: RobotProfile) -> dict[str, str]:
    """Relative topics, with their message types, that training needs or people want to see."""
    camera, camera_type = camera_topic(profile)
    topics = {
        camera: camera_type,
        profile.command.topic: profile.command.type,
        EPISODE_TOPIC: MARKER_TYPE,
    }
    if profile.state is not None:
        topics[profile.state.topic] = profile.state.type
    return topics
