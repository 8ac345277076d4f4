"""The bag as a camera driver: the bytes that were recorded, in order, under the bag's clock, in bounded memory."""

import numpy as np
import pytest
from bag_makers import COMPRESSED, SECOND, command, image, write_bag
from message_kinds import blank
from rosgraph_msgs.msg import Clock
from sensor_msgs.msg import CompressedImage, Image, JointState
from std_msgs.msg import Float64MultiArray

from wm_ros.data.bag_messages import Bag
from wm_ros.data.segments import survey
from wm_ros.evaluation.replay.faults import Fault
from wm_ros.evaluation.replay.results import Playback
from wm_ros.messages.compressed import ImageError
from wm_ros.messages.image import decode_image
from wm_ros.messages.stamp import to_ns
from wm_ros.robots.profile import load_profile
from wm_ros.runs.replay_player import BagPlayer, transport

PROFILE = load_profile("arm")
START, PERIOD = 5 * SECOND, SECOND // 10
COMMANDS = "/joint_velocity_controller/commands"
ALL = 100


def frames(count, topic="/image", **fields):
    times = [START + k * PERIOD for k in range(count)]
    return [(topic, at + 1_000_000, image(at, k, **fields)) for k, at in enumerate(times)]


class Play:
    """A bag played through a BagPlayer, the test's executor as the spin."""

    def __init__(self, ros, path, rate, fault=None):
        bag = Bag(path)
        found = survey(bag, PROFILE)
        self.transport = transport(bag, found, PROFILE)
        self.segment = found.segments[0]
        self.shown, self.operator = [], []
        self.player = ros.start(lambda **options: BagPlayer(bag, found, PROFILE, rate, **options))
        self.player.pause_at(self.segment.start_ns)
        ros.until(lambda: ros.node.count_publishers("/clock"), "the player")
        ros.spin_for(0.2)  # until its publishers have found the test's subscriptions
        self.player.play(
            Playback(self.segment, self.segment.end_ns, fault),
            spin=lambda timeout_s: ros.executor.spin_once(timeout_sec=timeout_s),
            on_frame=lambda stamp_ns, age_ns: self.shown.append((stamp_ns, age_ns)),
            on_command=lambda time_ns, vector: self.operator.append((time_ns, vector.tolist())),
        )


def test_frames_and_state_go_out_as_recorded_and_commands_do_not(ros, tmp_path):
    seen = ros.collect(Image, "image", ALL)
    states = ros.collect(JointState, "joint_states", ALL)
    to_robot = ros.collect(Float64MultiArray, "joint_velocity_controller/commands", ALL)
    clock = ros.collect(Clock, "/clock", ALL)
    state = blank("rosbags", "sensor_msgs/msg/JointState", position=np.array([0.1, 0.2]))
    others = [("/joint_states", START + SECOND, state), (COMMANDS, START + SECOND, command(0.5, -0.5))]
    play = Play(ros, write_bag(tmp_path / "bag", frames(20) + others), rate=4.0)
    ros.until(lambda: len(seen) == 20 and states, "all of it")
    assert [to_ns(message.header.stamp) for message in seen] == [START + k * PERIOD for k in range(20)]
    assert [int(decode_image(message)[0, 0, 0]) for message in seen] == list(range(20))
    assert list(states[0].position) == [0.1, 0.2]
    assert play.operator == [(START + SECOND, [0.5, -0.5])]
    assert not to_robot
    assert play.shown == [(START + k * PERIOD, 1_000_000) for k in range(20)]
    assert play.transport == "raw"
    times = [to_ns(message.clock) for message in clock]
    assert times == sorted(times)
    assert times[0] == play.segment.start_ns
    assert times[-1] >= play.segment.end_ns - SECOND // 5
    assert len(play.player.late_ms) == play.player.frames == 20


def test_compressed_frames_go_where_the_pipeline_reads_them(ros, tmp_path):
    seen = ros.collect(CompressedImage, "image/compressed", ALL)
    messages = []
    for _, at, raw in frames(15):
        message = blank(
            "rosbags", COMPRESSED, format="png", data=np.arange(9, dtype=np.uint8), header=raw.header
        )
        messages.append(("/robot/image/compressed", at, message))
    play = Play(ros, write_bag(tmp_path / "bag", messages), rate=8.0)
    ros.until(lambda: len(seen) == 15, "all frames")
    assert bytes(seen[3].data) == bytes(range(9))
    assert play.transport == "compressed"


def test_a_fault_reaches_camera_and_clock(ros, tmp_path):
    seen, clock = ros.collect(Image, "image", ALL), ros.collect(Clock, "/clock", ALL)
    bag = write_bag(tmp_path / "bag", frames(30))
    play = Play(ros, bag, 8.0, Fault("garbage", 1.0, 1.0))
    ros.until(lambda: len(seen) == 30, "all frames")
    for k, message in enumerate(seen):
        if 10 <= k < 20:
            with pytest.raises(ImageError):
                decode_image(message)
        else:
            assert int(decode_image(message)[0, 0, 0]) == k
    assert [k for k, (_, age_ns) in enumerate(play.shown) if age_ns is None] == list(range(10, 20))
    ros.stop(play.player)
    seen.clear()
    clock.clear()
    play = Play(ros, bag, 8.0, Fault("clock_jump", 1.0, 1.0, by_s=-3.0))
    ros.until(lambda: len(seen) == 30, "all frames")
    steps = np.diff([to_ns(message.header.stamp) for message in seen])
    assert steps[9] == PERIOD - 3 * SECOND
    assert (np.delete(steps, 9) == PERIOD).all()
    times = [to_ns(message.clock) for message in clock]
    times = times[
        times.index(play.segment.start_ns) :
    ]  # the last word of the player before may still have come
    assert (np.diff(times) < -2 * SECOND).sum() == 1


def test_memory_does_not_grow_with_the_bag(ros, tmp_path):
    rng = np.random.default_rng(0)
    pixels = [rng.integers(0, 256, 640 * 480 * 3, dtype=np.uint8) for _ in range(4)]
    noise = (
        (topic, at, image(at, 0, 640, height=480, data=pixels[at // PERIOD % 4]))
        for topic, at, _ in frames(120, width=1)
    )
    bag = write_bag(tmp_path / "bag", noise)
    assert (bag / "bag.mcap").stat().st_size > 100e6

    def resident():
        with open("/proc/self/statm") as file:
            return int(file.read().split()[1]) * 4096

    before = resident()
    play = Play(ros, bag, rate=20.0)
    assert play.player.frames == 120
    assert resident() - before < 40e6
