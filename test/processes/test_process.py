"""Every way out of a node process is orderly: signal, exception, wrong parameter."""

import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest
from diagnostic_msgs.msg import DiagnosticArray
from std_msgs.msg import Empty, String

from wm_ros.resources import share_dir
from wm_ros.ros.process import FASTDDS_PROFILE_VARIABLES, use_fastdds_profile


@pytest.fixture
def words(ros):
    return ros.collect(String, "words")


def await_active(ros, node="probe"):
    statuses = ros.collect(DiagnosticArray, "/diagnostics")

    def active():
        return any(
            s.name == node and value.key == "state" and value.value == "active"
            for array in statuses
            for s in array.status
            for value in s.values
        )

    ros.until(active, f"{node} to be active")


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_a_signal_lets_the_node_say_its_last_word(ros, processes, words, number):
    probe = processes.start("probe_node", {"autostart": True})
    await_active(ros)
    ros.until(lambda: words, "the probe's hello")  # until then a last word might have no listener
    probe.send(number)
    ros.until(lambda: words[-1].data == "cleaned up", "the last words")
    assert [word.data for word in words[-2:]] == ["zero", "cleaned up"]
    assert probe.wait() == 0


def test_a_signal_ends_a_wait_for_messages_at_once(processes):
    """The node waits for an hour, were it not for the signal."""
    code = """if True:
        import sys, time
        from rclpy.lifecycle import LifecycleNode
        from wm_ros.ros import process
        process.SPIN_TIMEOUT_S = 3600.0

        class Idle(LifecycleNode):
            def __init__(self):
                super().__init__("idle")
                print("idle", flush=True)

            def on_exit(self):
                print("left", flush=True)

        sys.exit(process.run(Idle))
        """
    with subprocess.Popen([sys.executable, "-c", code], stdout=subprocess.PIPE, text=True) as idle:
        try:
            assert idle.stdout.readline() == "idle\n"
            while not asleep(idle.pid):
                time.sleep(0.01)
            idle.send_signal(signal.SIGINT)
            assert idle.stdout.readline() == "left\n"
            assert idle.wait() == 0
        finally:
            idle.kill()


def test_signals_that_come_within_one_another_do_not_keep_a_node_from_leaving():
    code = """if True:
        import sys
        from rclpy.lifecycle import LifecycleNode
        from wm_ros.ros import process

        class Busy(LifecycleNode):
            def on_exit(self):
                print("leaving", flush=True)
                sys.stdin.readline()

        sys.exit(process.run(lambda: print("up", flush=True) or Busy("busy")))
        """
    pipes = {"stdin": subprocess.PIPE, "stdout": subprocess.PIPE, "text": True}
    with subprocess.Popen([sys.executable, "-c", code], **pipes) as busy:
        assert busy.stdout.readline() == "up\n"
        for _ in range(20_000):
            busy.send_signal(signal.SIGINT)
            busy.send_signal(signal.SIGTERM)
        try:
            assert busy.communicate("go\n")[0] == "leaving\n"
        finally:
            busy.kill()
        assert busy.returncode == 0


def asleep(pid):
    """Whether the main thread of a process sleeps."""
    return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0] == "S"


def test_an_exception_in_a_callback_is_told_and_the_way_out_is_orderly(ros, processes, words):
    probe = processes.start("probe_node", {"autostart": True})
    await_active(ros)
    publisher = ros.node.create_publisher(Empty, "raise", 10)
    ros.until(lambda: words and publisher.get_subscription_count(), "the probe's hello and subscription")
    publisher.publish(Empty())
    ros.until(lambda: words[-1].data == "cleaned up", "the last words")
    assert probe.wait() == 1
    assert "RuntimeError: told to raise" in probe.log()


def test_a_wrong_parameter_ends_the_process_with_a_sentence(processes):
    probe = processes.start("probe_node", {"rate_hz": -1.0})
    assert probe.wait() == 1
    assert "rate_hz" in probe.log()
    assert "Traceback" not in probe.log()


def test_the_fastdds_profile_is_used_unless_the_user_has_one(monkeypatch):
    for name in FASTDDS_PROFILE_VARIABLES:
        monkeypatch.setenv(name, "")
    use_fastdds_profile()
    profile = str(share_dir() / "config/fastdds.xml")
    assert sorted(os.environ[name] for name in FASTDDS_PROFILE_VARIABLES) == ["", profile]
    kilted, jazzy = FASTDDS_PROFILE_VARIABLES
    monkeypatch.delenv("ROS_AUTOMATIC_DISCOVERY_RANGE", raising=False)
    use_fastdds_profile(shared_memory=False)  # as a child of a process that has set its own
    guard_s = str(share_dir() / "config/fastdds_guard.xml")
    assert sorted((os.environ[kilted], os.environ[jazzy])) == ["", guard_s]
    monkeypatch.setenv(kilted, "")
    monkeypatch.setenv(jazzy, "mine.xml")
    use_fastdds_profile()
    assert (os.environ[kilted], os.environ[jazzy]) == ("", "mine.xml")


@pytest.mark.parametrize("discovery", ["LOCALHOST", "SUBNET"])
def test_the_guard_has_no_shared_memory(ros, processes, monkeypatch, discovery):
    """Else a process that is killed holding a lock in it can keep the guard from stopping the robot for a second."""
    monkeypatch.setenv("ROS_AUTOMATIC_DISCOVERY_RANGE", discovery)
    guard = processes.start("wm_ros.nodes.guard_node", {"autostart": True})
    await_active(ros, "guard")
    probe = processes.start("probe_node", {"autostart": True})
    await_active(ros)
    assert "dds.udp" in threads(guard.pid)
    assert "dds.shm" not in threads(guard.pid)
    assert "dds.shm" in threads(probe.pid)


def threads(pid):
    return {path.read_text().strip()[:7] for path in Path(f"/proc/{pid}/task").glob("*/comm")}


def test_an_unknown_parameter_is_named_with_the_one_meant(ros, processes):
    probe = processes.start("probe_node", {"rate_hx": 2.0})
    ros.until(lambda: "parameter rate_hx is unknown here" in probe.log(), "the warning")
    assert "did you mean rate_hz?" in probe.log()
    assert "FASTRTPS" not in probe.log(), "the middleware does not complain of its profile"
    assert "XMLPARSER" not in probe.log()
