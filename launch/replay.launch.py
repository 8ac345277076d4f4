"""A bag instead of a camera: what would have been planned and commanded. Nothing is sent to a robot.

The bag starts when the pipeline is active and the launch ends with it. Of the bag, only the camera, goal pictures
and the robot's state are played: recorded commands must not reach a robot that listens.
"""

from launch import LaunchContext, LaunchDescription
from launch.actions import (
    DeclareLaunchArgument,
    ExecuteProcess,
    IncludeLaunchDescription,
    OpaqueFunction,
    RegisterEventHandler,
    Shutdown,
)
from launch.event import Event
from launch.event_handler import EventHandler
from launch.launch_description_sources import PythonLaunchDescriptionSource
from launch.substitutions import LaunchConfiguration
from launch_ros.events.lifecycle import StateTransition

from wm_ros.nodes.process import use_fastdds_profile
from wm_ros.resources import share_dir
from wm_ros.robots.profile import load_profile

CLOCK_HZ = "100"


def end_launch(context: LaunchContext) -> list[Shutdown]:
    return [] if context.is_shutdown else [Shutdown(reason="the bag has ended")]


def player(context: LaunchContext) -> list[RegisterEventHandler]:
    def value(name: str) -> str:
        return LaunchConfiguration(name).perform(context)

    profile = load_profile(value("robot"))
    image = value("image") or profile.camera.topic
    topics = [image, f"{image}/compressed", "goal_image", *([profile.state.topic] if profile.state else [])]
    namespace = value("namespace").strip("/")
    prefix = f"/{namespace}/" if namespace else "/"
    play = ExecuteProcess(
        cmd=["ros2", "bag", "play", value("bag"), "--rate", value("rate"), "--clock", CLOCK_HZ]
        + ["--disable-keyboard-controls", "--topics"]
        + [topic if topic.startswith("/") else prefix + topic for topic in topics],
        name="bag",
        output="both",
        on_exit=OpaqueFunction(function=end_launch),
    )

    def pipeline_is_active(event: Event) -> bool:
        return (
            isinstance(event, StateTransition)
            and event.goal_state == "active"
            and event.action.node_name.endswith("/pipeline")
        )

    return [RegisterEventHandler(EventHandler(matcher=pipeline_is_active, entities=[play]))]


def generate_launch_description() -> LaunchDescription:
    use_fastdds_profile()  # for the player: our own nodes do so themselves
    live = str(share_dir() / "launch" / "live.launch.py")
    fixed = {"enable_control": "false", "use_sim_time": "true", "autostart": "true"}
    return LaunchDescription(
        [
            DeclareLaunchArgument("bag", description="Folder of the bag."),
            DeclareLaunchArgument("rate", default_value="1.0", description="Times real time."),
            IncludeLaunchDescription(PythonLaunchDescriptionSource(live), launch_arguments=fixed.items()),
            OpaqueFunction(function=player),
        ]
    )
