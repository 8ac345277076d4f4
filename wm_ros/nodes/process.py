"""One node per process: signals set a flag, one thread spins, every exit lets the node stop its robot first.

rclpy's own signal handlers invalidate the context before anything else runs, so a last zero command could not
be sent any more. Here the context outlives the node.
"""

from __future__ import annotations

import os
import signal
import threading
import traceback
from collections.abc import Callable, Sequence

import rclpy
from rclpy.exceptions import ParameterException
from rclpy.executors import SingleThreadedExecutor
from rclpy.logging import get_logger
from rclpy.signals import SignalHandlerOptions

from wm_ros.nodes.lifecycle import ManagedNode
from wm_ros.resources import share_dir

# A blocked wait is not interrupted by a signal: this bounds how long an idle node takes to notice one.
SPIN_TIMEOUT_S = 0.1

# Kilted and later read the first, Jazzy and earlier only the second.
FASTDDS_PROFILE_VARIABLES = ("FASTDDS_DEFAULT_PROFILES_FILE", "FASTRTPS_DEFAULT_PROFILES_FILE")


def run(node_class: Callable[[], ManagedNode], args: Sequence[str] | None = None) -> int:
    """Run a node until SIGINT or SIGTERM and return the exit code: 0, or 1 when anything raised.

    On every way out, an exception in a callback included, `ManagedNode.on_exit` runs while the context is
    still valid: deactivate (the guard ramps down in it), cleanup, shutdown. Main thread only.
    """
    use_fastdds_profile()
    leave = threading.Event()
    for number in (signal.SIGINT, signal.SIGTERM):
        signal.signal(number, lambda *_: leave.set())
    rclpy.init(args=args, signal_handler_options=SignalHandlerOptions.NO)
    executor = SingleThreadedExecutor()
    try:
        node = node_class()
    except ParameterException as error:  # a user's value, so no traceback
        get_logger("wm_ros").fatal(f"{error}; mend it in the parameter file or behind `-p`")
        return _end(executor, 1)
    except Exception:
        get_logger("wm_ros").fatal(f"the node could not be built:\n{traceback.format_exc()}")
        return _end(executor, 1)
    code = 0
    try:
        executor.add_node(node)
        while not leave.is_set() and rclpy.ok():
            executor.spin_once(timeout_sec=SPIN_TIMEOUT_S)
    except Exception:
        node.get_logger().fatal(f"leaving in order after an exception:\n{traceback.format_exc()}")
        code = 1
    finally:
        node.on_exit()
        executor.remove_node(node)
        node.destroy_node()
    return _end(executor, code)


def use_fastdds_profile() -> None:
    """Let Fast DDS carry whole images: its default shared memory drops 640x480 frames between processes.

    Sets the variables for `config/fastdds.xml` unless the user has set either; works before `rclpy.init()`
    only. Other middlewares ignore them.
    """
    profile = share_dir() / "config" / "fastdds.xml"
    if profile.is_file() and not any(os.environ.get(name) for name in FASTDDS_PROFILE_VARIABLES):
        os.environ.update(dict.fromkeys(FASTDDS_PROFILE_VARIABLES, str(profile)))


def _end(executor: SingleThreadedExecutor, code: int) -> int:
    executor.shutdown()
    rclpy.try_shutdown()
    return code
