"""One node per process: signals set a flag, one thread spins, every exit lets the node stop its robot first.

rclpy's own signal handlers invalidate the context before anything else runs, so a last zero command could not
be sent any more. Here the context outlives the node.
"""

from __future__ import annotations

import ctypes
import os
import signal
import sys
import threading
import traceback
from collections.abc import Callable, Sequence
from importlib.metadata import version
from pathlib import Path
from typing import Protocol, runtime_checkable

import rclpy
from rclpy.exceptions import ParameterException
from rclpy.executors import SingleThreadedExecutor
from rclpy.logging import get_logger
from rclpy.node import Node
from rclpy.signals import SignalHandlerOptions

from wm_ros.printable import printable
from wm_ros.resources import share_dir

SPIN_TIMEOUT_S = 1.0  # messages and signals end a wait; this is for a context that was shut down

# Kilted (rclpy 9) reads both, and complains of every profile twice when both are set; Jazzy reads the second only.
FASTDDS_PROFILE_VARIABLES = ("FASTDDS_DEFAULT_PROFILES_FILE", "FASTRTPS_DEFAULT_PROFILES_FILE")
FIRST_RCLPY_WITH_FASTDDS_VARIABLE = 9
PARENT, PR_SET_PDEATHSIG = "WM_ROS_PARENT", 1
RANGE = "ROS_AUTOMATIC_DISCOVERY_RANGE"


@runtime_checkable
class ExitsGracefully(Protocol):
    """A node that has something to do before the process ends, as every `ManagedNode` has."""

    def on_exit(self) -> None: ...


def end_with_parent() -> None:
    """Get a SIGTERM when the process that started this one as a part of itself has ended, even by SIGKILL.

    Only where it said so with the variable PARENT; Linux alone has this.
    """
    parent = os.environ.get(PARENT)
    if parent is None or not sys.platform.startswith("linux"):
        return
    ctypes.CDLL(None, use_errno=True).prctl(PR_SET_PDEATHSIG, signal.SIGTERM)
    if os.getppid() != int(parent):  # it ended before
        os.kill(os.getpid(), signal.SIGTERM)


def run(node_class: Callable[[], Node], args: Sequence[str] | None = None, shared_memory: bool = True) -> int:
    """Run a node until SIGINT or SIGTERM and return the exit code: 0, or 1 when anything raised.

    On every way out, an exception in a callback included, `on_exit` runs while the context is
    still valid: deactivate (the guard ramps down in it), cleanup, shutdown. Main thread only. shared_memory: see
    `use_fastdds_profile`.
    """
    use_fastdds_profile(shared_memory)
    signals: list[int] = []  # no Event: a signal within another one's `set()` would wait for it for ever
    for number in (signal.SIGINT, signal.SIGTERM):
        signal.signal(number, lambda number, _: signals.append(number))
    end_with_parent()
    rclpy.init(args=None if args is None else list(args), signal_handler_options=SignalHandlerOptions.NO)
    executor = SingleThreadedExecutor()
    try:
        node = node_class()
    except ParameterException as error:  # a user's value, so no traceback
        get_logger("wm_ros").fatal(printable(f"{error}; mend it in the parameter file or behind `-p`"))
        return _end(executor, 1)
    except Exception:
        get_logger("wm_ros").fatal(printable(f"the node could not be built:\n{traceback.format_exc()}"))
        return _end(executor, 1)
    code = 0
    try:
        executor.add_node(node)
        _wake_on_signals(node)
        while not signals and rclpy.ok():
            executor.spin_once(timeout_sec=SPIN_TIMEOUT_S)
    except Exception:
        node.get_logger().fatal(printable(f"leaving in order after an exception:\n{traceback.format_exc()}"))
        code = 1
    finally:
        signal.set_wakeup_fd(-1)  # nobody waits any more, and what would be woken is about to be destroyed
        if isinstance(node, ExitsGracefully):
            node.on_exit()
        executor.remove_node(node)
        node.destroy_node()
    return _end(executor, code)


def use_fastdds_profile(shared_memory: bool = True) -> None:
    """Let Fast DDS carry whole images: its default shared memory drops 640x480 frames between processes.

    shared_memory: False for UDP alone. Sets the variable this ROS reads to a file in `config`, unless the user has set
    either to another file than one of those (a process that started this one may have); works before `rclpy.init()`
    only. Other middlewares ignore it.
    """
    config = share_dir() / "config"
    set_before = [os.environ[name] for name in FASTDDS_PROFILE_VARIABLES if os.environ.get(name)]
    if any(Path(file).parent != config for file in set_before):
        return
    kilted = int(version("rclpy").split(".")[0]) >= FIRST_RCLPY_WITH_FASTDDS_VARIABLE
    name = FASTDDS_PROFILE_VARIABLES[0 if kilted else 1]
    profile = "fastdds.xml"
    if not shared_memory:
        profile = "fastdds_guard.xml"
        if os.environ.get(RANGE, "").upper() == "LOCALHOST" and not os.environ.get("ROS_STATIC_PEERS"):
            # With LOCALHOST rmw_fastrtps adds shared memory to what the profile says.
            os.environ[RANGE], profile = "SYSTEM_DEFAULT", "fastdds_guard_localhost.xml"
    os.environ[name] = str(config / profile)


def _wake_on_signals(node: Node) -> None:
    """End a blocked wait for messages when a signal comes: by itself it would go on until the next message."""
    awake = node.create_guard_condition(lambda: None)
    reader, writer = os.pipe()
    os.set_blocking(writer, False)
    signal.set_wakeup_fd(writer)

    def watch() -> None:
        while os.read(reader, 1):
            awake.trigger()

    threading.Thread(target=watch, name="signals", daemon=True).start()


def _end(executor: SingleThreadedExecutor, code: int) -> int:
    executor.shutdown()
    rclpy.try_shutdown()
    return code
