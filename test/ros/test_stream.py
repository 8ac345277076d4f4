"""A stream takes what is new and fresh, counts the rest by reason, and says why nothing comes."""

import pytest
from rclpy.qos import QoSProfile, ReliabilityPolicy
from sensor_msgs.msg import Image

from wm_ros.messages.stamp import fill_stamp
from wm_ros.ros.lifecycle import ManagedNode
from wm_ros.ros.qos import image_qos
from wm_ros.ros.stream import Stream
from wm_ros.safety.repeated_frames import RepeatedFrames

SECOND = 1_000_000_000


class Camera:
    """The other side: publishes empty images with the stamps it is told."""

    def __init__(self, ros, reliability="reliable"):
        self.ros = ros
        qos = QoSProfile(depth=10, reliability=ReliabilityPolicy[reliability.upper()])
        self.publisher = ros.node.create_publisher(Image, "image", qos)

    def send(self, stamp_ns, data=b""):
        message = Image()
        message.data.frombytes(data)
        fill_stamp(message.header.stamp, stamp_ns)
        self.publisher.publish(message)

    def now(self):
        return self.ros.node.get_clock().now().nanoseconds


class Reader:
    """A stream in a node, with what it handed on."""

    def __init__(self, ros, reliability="reliable", max_age_s=1.0, timeout_s=0.2, repeated=None):
        self.node = ros.start(lambda **options: ManagedNode("reader", **options))
        self.accepted = []
        self.restarts = 0
        self.stream = Stream(
            self.node,
            Image,
            "image",
            image_qos(reliability, 10),
            self.accepted.append,
            self._restarted,
            source="camera",
            fix="remap `image` or start the camera",
            timeout_s=timeout_s,
            max_age_s=max_age_s,
            repeated=repeated,
        )

    def _restarted(self):
        self.restarts += 1

    def fault(self):
        self.stream.check()
        return self.node.faults.worst()[1]


@pytest.fixture
def reader(ros):
    return Reader(ros)


def send_all(ros, camera, reader, stamps):
    before = reader.stream.received
    for stamp in stamps:
        camera.send(stamp)
    ros.until(lambda: reader.stream.received == before + len(stamps), "the messages")


def test_takes_new_messages_and_drops_others_by_reason(ros, reader):
    camera = Camera(ros)
    now = camera.now()
    send_all(ros, camera, reader, [now, now, now - 1, now + 1, 0, now - 10 * SECOND])
    assert len(reader.accepted) == 2
    assert reader.stream.dropped == {"stamp_not_increasing": 2, "unstamped": 1, "too_old": 1}
    assert reader.stream.newest is reader.accepted[-1]


def test_stamps_that_jump_back_start_anew(ros):
    reader = Reader(ros, max_age_s=0.0)
    camera = Camera(ros)
    send_all(ros, camera, reader, [100 * SECOND, 101 * SECOND, 5 * SECOND, 6 * SECOND])
    assert len(reader.accepted) == 4
    assert reader.restarts == 1


def test_no_publisher(ros, reader):
    fault = ros.until(reader.fault, "a fault")
    assert fault == "no publisher on /image: remap `image` or start the camera"


def test_recovers_with_the_first_message(ros, reader):
    ros.until(reader.fault, "a fault")
    camera = Camera(ros)
    send_all(ros, camera, reader, [camera.now()])
    assert reader.fault() == ""


def test_incompatible_qos_names_the_fix(ros, reader):
    camera = Camera(ros, reliability="best_effort")
    ros.until(lambda: "reliability" in reader.fault(), "the incompatible QoS")
    assert "`image_reliability: best_effort`" in reader.fault()
    camera.send(camera.now())
    ros.spin_for(0.1)
    assert reader.accepted == []


def test_a_silent_publisher_is_counted_and_the_qos_named(ros, reader):
    camera = Camera(ros)
    send_all(ros, camera, reader, [camera.now()])
    fault = ros.until(reader.fault, "a fault")
    assert "1 publisher(s) on /image but no message for 0.2 s (read reliable, depth 10)" in fault
    assert reader.stream.newest is None, "a frame from before the silence is not what is seen now"


@pytest.mark.parametrize(
    ("stamp", "why"),
    [
        (lambda now: 0, "have no stamp: make the driver set header.stamp"),
        (lambda now: now - 5 * SECOND, "5.0 s old on arrival, the limit is 1.0 s: synchronise the clocks"),
        (lambda now: SECOND, "do not increase: its source is frozen"),
    ],
)
def test_messages_that_are_all_refused_say_why(ros, stamp, why):
    reader = Reader(ros, max_age_s=0.0 if "frozen" in why else 1.0)
    camera = Camera(ros)

    def refused():
        camera.send(stamp(camera.now()))
        return why in reader.fault()

    ros.until(refused, why)


def test_a_frozen_camera_with_fresh_stamps_is_refused_says_so_and_recovers(ros):
    reader = Reader(ros, repeated=RepeatedFrames(0.0))
    camera = Camera(ros)

    def refused():
        camera.send(camera.now(), b"picture")
        return "frames on /image are the same, bit for bit, since 0." in reader.fault()

    ros.until(refused, "the frozen camera to be named")
    assert len(reader.accepted) == 1
    assert reader.stream.dropped.keys() == {"frozen"}
    camera.send(camera.now(), b"another")
    ros.until(lambda: len(reader.accepted) == 2, "a new picture")
    assert reader.fault() == ""
