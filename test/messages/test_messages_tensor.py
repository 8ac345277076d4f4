"""Latents travel as 32FC1 images, bit for bit."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays
from message_kinds import KINDS, blank

from wm_ros.messages.compressed import ImageError
from wm_ros.messages.image import decode_image
from wm_ros.messages.tensor import decode_tensor, fill_tensor

IMAGE = "sensor_msgs/msg/Image"


@pytest.mark.parametrize("kind", KINDS)
@given(tensor=arrays(np.float32, st.tuples(st.integers(1, 9), st.integers(1, 9))))
@settings(deadline=None)
def test_round_trip_is_bit_exact(kind, tensor):
    message = fill_tensor(blank(kind, IMAGE), tensor)
    found = decode_tensor(message)
    assert found.tobytes() == tensor.tobytes()
    assert found.dtype == np.float32
    assert (message.height, message.width) == tensor.shape


@pytest.mark.parametrize("kind", KINDS)
def test_decode_does_not_copy(kind):
    message = fill_tensor(blank(kind, IMAGE), np.ones((16, 32), np.float32))
    assert np.shares_memory(decode_tensor(message), np.frombuffer(message.data, np.uint8))


def test_image_viewers_can_show_it():
    tensor = np.linspace(0, 1, 12, dtype=np.float32).reshape(3, 4)
    assert decode_image(fill_tensor(blank("rosbags", IMAGE), tensor)).shape == (3, 4, 3)


@pytest.mark.parametrize(
    ("tensor", "text"),
    [
        (np.zeros(4, np.float32), r"\[tokens, dim\], got \[4\]"),
        (np.zeros((2, 2), np.float64), "float32"),
        (np.zeros((0, 2), np.float32), "non-empty"),
    ],
)
def test_fill_refuses_other_arrays(tensor, text):
    with pytest.raises(ImageError, match=text):
        fill_tensor(blank("rosbags", IMAGE), tensor)


def test_a_camera_picture_is_no_tensor():
    with pytest.raises(ImageError, match="a camera's topic"):
        decode_tensor(blank("rosbags", IMAGE, encoding="rgb8"))


def test_a_truncated_tensor_is_an_error():
    message = fill_tensor(blank("rosbags", IMAGE), np.ones((4, 4), np.float32))
    message.data = message.data[:-1]
    with pytest.raises(ImageError, match="truncated"):
        decode_tensor(message)
