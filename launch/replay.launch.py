"""A bag instead of a camera: what would have been planned and commanded. Nothing is sent to a robot.

The bag starts when the pipeline listens to the camera, and the launch ends with it. Of the bag, only the camera,
goal pictures and the robot's state are played: recorded commands must not reach a robot that listens.
"""

from launch import LaunchContext, LaunchDescription, LaunchDescriptionEntity
from launch.actions import (
    DeclareLaunchArgument,
    ExecuteProcess,
    IncludeLaunchDescription,
    OpaqueFunction,
    Shutdown,
    TimerAction,
)
from launch.launch_description_sources import PythonLaunchDescriptionSource
from launch.substitutions import LaunchConfiguration
from launch_ros.ros_adapters import get_ros_node

from wm_ros.resources import share_dir
from wm_ros.robots.profile import load_profile
from wm_ros.ros.process import use_fastdds_profile

CLOCK_HZ = "100"
LISTENING_PERIOD_S = 0.2
DISCOVERY_S = "1.0"  # what is played before the player's publishers are found is lost


def end_launch(context: LaunchContext) -> list[Shutdown]:
    return [] if context.is_shutdown else [Shutdown(reason="the bag has ended")]


def play(context: LaunchContext) -> list[LaunchDescriptionEntity]:
    def value(name: str) -> str:
        return LaunchConfiguration(name).perform(context)

    namespace = value("namespace").strip("/")

    def absolute(topic: str) -> str:
        return topic if topic.startswith("/") else "/" + "/".join(filter(None, (namespace, topic)))

    profile = load_profile(value("robot"))
    image = absolute(value("image") or profile.camera.topic)
    state = [absolute(profile.state.topic)] if profile.state else []
    command = ["ros2", "bag", "play", value("bag"), "--rate", value("rate"), "--clock", CLOCK_HZ]
    command += ["--delay", DISCOVERY_S, "--disable-keyboard-controls"]
    command += ["--topics", image, f"{image}/compressed", absolute("goal_image"), *state]
    player = ExecuteProcess(
        cmd=command, name="bag", output="both", on_exit=OpaqueFunction(function=end_launch)
    )

    def play_when_listening(context: LaunchContext) -> list[LaunchDescriptionEntity]:
        node = get_ros_node(context)
        for topic in (image, f"{image}/compressed"):
            if any(info.node_name == "pipeline" for info in node.get_subscriptions_info_by_topic(topic)):
                return [player]
        again = OpaqueFunction(function=play_when_listening)
        return [TimerAction(period=LISTENING_PERIOD_S, actions=[again])]

    return play_when_listening(context)


def generate_launch_description() -> LaunchDescription:
    use_fastdds_profile()  # for the player: our own nodes do so themselves
    live = str(share_dir() / "launch" / "live.launch.py")
    fixed = {"enable_control": "false", "use_sim_time": "true", "autostart": "true"}
    return LaunchDescription(
        [
            DeclareLaunchArgument("bag", description="Folder of the bag."),
            DeclareLaunchArgument("rate", default_value="1.0", description="Times real time."),
            IncludeLaunchDescription(PythonLaunchDescriptionSource(live), launch_arguments=fixed.items()),
            OpaqueFunction(function=play),
        ]
    )
