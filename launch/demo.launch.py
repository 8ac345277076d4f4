"""An embedded robot with pipeline and guard: `robot:=arm`, `robot:=rover` or `robot:=pusher`.

Give it a goal and `ros2 service call /guard/start std_srvs/srv/Trigger`.
`/pipeline/capture_goal` makes the frame seen now the goal; `wm_ros demo` drives to random goals by itself.
"""

from launch import LaunchDescription
from launch.actions import DeclareLaunchArgument, IncludeLaunchDescription
from launch.launch_description_sources import PythonLaunchDescriptionSource
from launch.substitutions import LaunchConfiguration
from launch_ros.actions import Node

from wm_ros.resources import share_dir


def generate_launch_description() -> LaunchDescription:
    sim = Node(
        package="wm_ros",
        executable="sim_node",
        name="sim",
        namespace=LaunchConfiguration("namespace"),
        parameters=[LaunchConfiguration("params_file"), {"profile": LaunchConfiguration("robot")}],
        output="both",
    )
    live = str(share_dir() / "launch" / "live.launch.py")
    return LaunchDescription(
        [
            DeclareLaunchArgument(
                "enable_control",
                default_value="true",
                choices=["", "true", "false"],
                description="The robot is simulated, so it may move once the guard's ~/start has been called.",
            ),
            IncludeLaunchDescription(PythonLaunchDescriptionSource(live)),
            sim,
        ]
    )
