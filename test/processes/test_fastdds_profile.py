"""Whole camera images reach another process, best effort: what config/fastdds.xml is for."""

from rclpy.qos import qos_profile_sensor_data
from sensor_msgs.msg import Image

FRAMES = 20


def test_640x480_images_arrive(ros, processes):
    """With Fast DDS's own settings most of them, often all, are lost without a word."""
    frames = ros.collect(Image, "image", qos_profile_sensor_data)
    processes.start("numbered_camera")
    ros.until(lambda: len(frames) >= FRAMES, f"{FRAMES} images of {640 * 480 * 3} bytes")
    sent = int(frames[-1].header.frame_id) - int(frames[0].header.frame_id) + 1
    assert len(frames) >= 0.9 * sent
    assert {len(frame.data) for frame in frames} == {640 * 480 * 3}
