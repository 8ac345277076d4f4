#!/bin/bash
# Runs a command with ROS 2, the virtual environment and the built workspace in place.
set -e
source "/opt/ros/$ROS_DISTRO/setup.bash"
source "/opt/ws/src/wm_ros/.venv-$ROS_DISTRO/bin/activate"
source /opt/ws/install/setup.bash
exec "$@"
