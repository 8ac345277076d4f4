"""Pipeline and guard for a camera and a robot: a dry run, unless enable_control:=true and then `~/start`.

With goals:=FOLDER, and imitate:=true for a demonstration, sequence_node too. An empty argument keeps what the parameter
file says. A pipeline that ends is started again; the robot, which the guard has stopped by then, moves again only after
~/start. Without the guard the launch ends.
"""

from launch import LaunchContext, LaunchDescription
from launch.actions import DeclareLaunchArgument, OpaqueFunction, Shutdown
from launch.substitutions import LaunchConfiguration
from launch_ros.actions import Node

from wm_ros.resources import share_dir
from wm_ros.robots.profile import load_profile

TRUTH = {"true": True, "false": False}
# Longer than the guard's stop and its zeros: a pipeline that comes back finds a guard that waits for ~/start.
RESPAWN_S = 3.0
ARGUMENTS = [
    DeclareLaunchArgument(
        "robot", default_value="arm", description="Robot profile: a name in config/robots or a YAML file."
    ),
    DeclareLaunchArgument(
        "params_file",
        default_value=str(share_dir() / "config" / "arm.yaml"),
        description="Parameters of all nodes.",
    ),
    DeclareLaunchArgument("namespace", default_value="", description="Namespace of nodes and topics."),
    DeclareLaunchArgument(
        "image", default_value="", description="Camera topic; empty: the profile's, in the namespace."
    ),
    DeclareLaunchArgument(
        "image_transport",
        default_value="",
        choices=["", "raw", "compressed"],
        description="How images arrive.",
    ),
    DeclareLaunchArgument("checkpoint", default_value="", description="Checkpoint folder."),
    DeclareLaunchArgument(
        "goals",
        default_value="",
        description="Folder of goal pictures for sequence_node; empty: no such node.",
    ),
    DeclareLaunchArgument(
        "imitate",
        default_value="",
        choices=["", *TRUTH],
        description="true: these pictures are one demonstration, a model step apart.",
    ),
    DeclareLaunchArgument("device", default_value="", description="Torch device: cpu, cuda, cuda:1."),
    DeclareLaunchArgument(
        "enable_control",
        default_value="",
        choices=["", *TRUTH],
        description="true: the guard publishes to the robot once its ~/start has been called.",
    ),
    DeclareLaunchArgument(
        "use_sim_time", default_value="false", choices=list(TRUTH), description="Take time from /clock."
    ),
    DeclareLaunchArgument(
        "autostart",
        default_value="true",
        choices=list(TRUTH),
        description="false: a lifecycle manager configures and activates the nodes.",
    ),
]


def end_launch(context: LaunchContext) -> list[Shutdown]:
    # Shutting down once more what is being shut down ends in an error message.
    return [] if context.is_shutdown else [Shutdown(reason="without the guard nothing reaches the robot")]


def nodes(context: LaunchContext) -> list[Node]:
    argument = {entry.name: LaunchConfiguration(entry.name).perform(context) for entry in ARGUMENTS}
    profile = load_profile(argument["robot"])  # one for both nodes; a wrong one ends the launch here
    of_robot = {"profile": argument["robot"]}

    def node(name: str, own: tuple[str, ...], of_robot: dict[str, str] = of_robot, **options) -> Node:
        given = {
            key: TRUTH.get(argument[key], argument[key])
            for key in ("use_sim_time", "autostart", *own)
            if argument[key]
        }
        return Node(
            package="wm_ros",
            executable=f"{name}_node",
            name=name,
            namespace=argument["namespace"],
            parameters=[argument["params_file"], {**of_robot, **given}],
            output="both",
            **options,
        )

    camera = [(profile.camera.topic, argument["image"])] if argument["image"] else []
    return [
        node(
            "pipeline",
            ("image_transport", "checkpoint", "device"),
            remappings=camera,
            respawn=True,
            respawn_delay=RESPAWN_S,
        ),
        node("guard", ("enable_control",), on_exit=OpaqueFunction(function=end_launch)),
        *([node("sequence", ("goals", "imitate"), {})] if argument["goals"] else []),
    ]


def generate_launch_description() -> LaunchDescription:
    return LaunchDescription([*ARGUMENTS, OpaqueFunction(function=nodes)])
