"""Images: every encoding means the right pixels, a wrong header is an ImageError, and rgb8 is not copied."""

import struct
import sys
from types import SimpleNamespace

import cv2
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from message_kinds import KINDS, blank, typestore, with_bytes

from wm_ros.messages.compressed import ImageError
from wm_ros.messages.image import decode_image, fill_image, read_picture, spare_bytes

IMAGE = "sensor_msgs/msg/Image"
FIELDS = ("height", "width", "encoding", "step", "is_bigendian")
CHANNELS = {
    "rgb8": "RGB",
    "bgr8": "BGR",
    "rgba8": "RGBA",
    "bgra8": "BGRA",
    "8UC3": "BGR",
    "8UC4": "BGRA",
    "rgb16": "RGB",
    "bgr16": "BGR",
    "rgba16": "RGBA",
    "bgra16": "BGRA",
    "mono8": "Y",
    "8UC1": "Y",
    "mono16": "Y",
    "16UC1": "Y",
}


def packed(kind, array, encoding, padding=0, big=False):
    """An Image of [H, W, C] values, written byte by byte as the ROS documentation says it lies in memory."""
    height, width = array.shape[:2]
    rows = array.astype(array.dtype.newbyteorder(">" if big else "<")).reshape(height, -1).view(np.uint8)
    rows = np.pad(rows, ((0, 0), (0, padding)), constant_values=0xEE)
    message = blank(kind, IMAGE, height=height, width=width, encoding=encoding, step=rows.shape[1])
    message.is_bigendian = int(big)
    return with_bytes(kind, message, rows.tobytes())


def meant(array, encoding):
    """The RGB picture that values [H, W, C] of an encoding stand for, pixel by pixel."""
    values = np.rint(array / 257.0).astype(np.uint8) if array.dtype == np.uint16 else array
    order = CHANNELS[encoding]
    if order == "Y":
        return np.repeat(values.reshape(*values.shape[:2], 1), 3, axis=2)
    return np.stack([values[..., order.index(colour)] for colour in "RGB"], axis=-1)


def values_of(encoding, height, width, seed=0):
    dtype = np.uint16 if "16" in encoding else np.uint8
    shape = (height, width, len(CHANNELS[encoding]))
    return np.random.default_rng(seed).integers(0, np.iinfo(dtype).max, shape, dtype=dtype, endpoint=True)


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("encoding", CHANNELS)
@given(
    height=st.integers(1, 9),
    width=st.integers(1, 9),
    padding=st.integers(0, 7),
    big=st.booleans(),
    change=st.integers(-40, 40),
    seed=st.integers(0, 99),
)
@settings(max_examples=25, deadline=None)
def test_any_size_step_and_byte_order_gives_the_right_array_or_an_error(
    kind, encoding, height, width, padding, big, change, seed
):
    array = values_of(encoding, height, width, seed)
    message = packed(kind, array, encoding, padding, big)
    data = bytes(message.data)
    cut = data[:change] if change < 0 else data + bytes(change)
    message = with_bytes(
        kind, blank(kind, IMAGE, **{f: getattr(message, f) for f in FIELDS}), cut if change else data
    )
    assert spare_bytes(message) == max(change, 0)
    if change < 0:
        with pytest.raises(ImageError, match="truncated"):
            decode_image(message)
        return
    picture = decode_image(message)
    np.testing.assert_array_equal(picture, meant(array, encoding))
    assert picture.dtype == np.uint8
    assert picture.flags.c_contiguous
    assert not picture.flags.writeable


@given(
    fields=st.fixed_dictionaries(
        {
            "encoding": st.sampled_from(
                [*CHANNELS, "32FC1", "nv12", "nv21", "yuv422", "yuyv", "bayer_rggb8", "?"]
            ),
            "height": st.integers(0, 6) | st.just(2**32 - 1),
            "width": st.integers(0, 6) | st.just(2**32 - 1),
            "step": st.integers(0, 48) | st.just(2**32 - 1),
            "is_bigendian": st.integers(0, 255),
        }
    ),
    data=st.binary(max_size=300),
)
@settings(deadline=None)
def test_garbage_headers_give_a_picture_of_their_size_or_an_image_error(fields, data):
    try:
        picture = decode_image(SimpleNamespace(**fields, data=np.frombuffer(data, np.uint8)))
    except ImageError as error:
        assert str(error)  # noqa: PT017 - the other outcome is a picture
    else:
        assert picture.shape == (fields["height"], fields["width"], 3)


@pytest.mark.parametrize("kind", KINDS)
def test_rgb8_is_a_view_of_the_message(kind):
    array = values_of("rgb8", 480, 640)
    message = packed(kind, array, "rgb8")
    assert np.shares_memory(decode_image(message), np.frombuffer(message.data, np.uint8))


@pytest.mark.parametrize(
    ("pattern", "code"),
    [("rggb", "BG"), ("bggr", "RG"), ("gbrg", "GR"), ("grbg", "GB")],
)
@pytest.mark.parametrize("bits", [8, 16])
def test_bayer_patterns_give_back_a_flat_colour(pattern, code, bits):
    colour = {"r": 200, "g": 100, "b": 50}
    mosaic = np.empty((6, 8), np.uint8)
    for index, letter in enumerate(pattern):
        mosaic[index // 2 :: 2, index % 2 :: 2] = colour[letter]
    values = mosaic if bits == 8 else mosaic.astype(np.uint16) * 257
    picture = decode_image(packed("rosbags", values[..., None], f"bayer_{pattern}{bits}"))
    assert np.unique(picture.reshape(-1, 3), axis=0).tolist() == [[200, 100, 50]]


def yuv_of(colour):
    return cv2.cvtColor(np.full((2, 2, 3), colour, np.uint8), cv2.COLOR_RGB2YUV_I420).reshape(-1)[[0, 4, 5]]


@pytest.mark.parametrize("encoding", ["yuv422", "uyvy", "yuv422_yuy2", "yuyv", "nv12", "nv21"])
@pytest.mark.parametrize("colour", [(200, 60, 20), (10, 90, 220)])
def test_yuv_gives_back_a_flat_colour(encoding, colour):
    y, u, v = yuv_of(colour)
    if encoding.startswith("nv"):
        chroma = (u, v) if encoding == "nv12" else (v, u)
        data = bytes([y] * 24) + bytes(chroma) * 6
        step = 6
    else:
        data = bytes((u, y, v, y) if encoding in ("yuv422", "uyvy") else (y, u, y, v)) * 12
        step = 12
    message = blank("rosbags", IMAGE, height=4, width=6, encoding=encoding, step=step)
    picture = decode_image(with_bytes("rosbags", message, data)).astype(int)
    assert np.abs(picture - colour).max() <= 4


def test_float_images_are_grey_in_zero_to_one_and_nan_is_black():
    values = np.array([[[0.0], [0.5], [1.0], [7.0], [-1.0], [np.nan], [np.inf]]], np.float32)
    assert decode_image(packed("rosbags", values, "32FC1"))[0, :, 0].tolist() == [0, 128, 255, 255, 0, 0, 255]


@pytest.mark.parametrize(
    ("change", "text"),
    [
        ({"encoding": "thermal12"}, r"unknown image encoding 'thermal12'; known: rgb8"),
        ({"encoding": "rgb16"}, r"step is 18 bytes but a row of this encoding has 36"),
        ({"height": 5}, r"72 bytes of data, expected step 18 x 5 rows = 90: .*truncated"),
        ({"width": 0}, r"is empty: check the camera"),
        ({"encoding": "nv12", "width": 5}, r"make the size even"),
    ],
)
def test_errors_name_the_value_and_the_fix(change, text):
    message = packed("rosbags", values_of("rgb8", 4, 6), "rgb8")
    for field, value in change.items():
        setattr(message, field, value)
    with pytest.raises(ImageError, match=text):
        decode_image(message)


def test_an_unknown_encoding_is_handed_to_cv_bridge_where_there_is_one(monkeypatch):
    class Bridge:
        def imgmsg_to_cv2(self, msg, encoding):
            if msg.height != 4:
                raise FakeError("bad size")
            return np.full((4, 6, 3), 7, np.uint8)

    class FakeError(TypeError):
        pass

    monkeypatch.setitem(sys.modules, "cv_bridge", SimpleNamespace(CvBridge=Bridge, CvBridgeError=FakeError))
    message = packed("rosbags", values_of("rgb8", 4, 6), "64FC4")
    assert (decode_image(message) == 7).all()
    message.height = 3
    with pytest.raises(ImageError, match="bad size"):
        decode_image(message)


@pytest.mark.parametrize("encoding", [*CHANNELS, "bayer_rggb8", "bayer_gbrg16"])
def test_parity_with_cv_bridge(encoding):
    """Runs where ROS provides cv_bridge: our pixels are its pixels."""
    bridge = pytest.importorskip("cv_bridge")
    if encoding.startswith("8UC"):
        pytest.skip("cv_bridge gives nameless channels no colour")
    shape = values_of(encoding.replace("bayer_rggb", "mono").replace("bayer_gbrg", "mono"), 8, 10)
    message = packed("rclpy", shape, encoding)
    theirs = bridge.CvBridge().imgmsg_to_cv2(message, "rgb8")
    np.testing.assert_allclose(decode_image(message).astype(int), theirs.astype(int), atol=1)


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("encoding", CHANNELS)
def test_filled_images_decode_to_the_same_picture(kind, encoding):
    array = values_of(encoding, 5, 7)
    for source in (array, array[:, ::-1], np.asfortranarray(array)):
        message = fill_image(blank(kind, IMAGE), source, encoding)
        assert len(message.data) == message.step * message.height
        np.testing.assert_array_equal(decode_image(message), meant(source, encoding))


@pytest.mark.parametrize("kind", KINDS)
def test_a_filled_message_owns_its_bytes(kind):
    array = values_of("rgb8", 4, 4)
    message = fill_image(blank(kind, IMAGE), array)
    before = decode_image(message).copy()
    array[:] = 0
    np.testing.assert_array_equal(decode_image(message), before)


@pytest.mark.parametrize(
    ("array", "encoding", "text"),
    [
        (np.zeros((4, 4, 3), np.float32), "rgb8", r"uint8 array \[H, W, 3\], got float32 \[4, 4, 3\]"),
        (np.zeros((4, 4), np.uint8), "rgb8", r"got uint8 \[4, 4\]"),
        (np.zeros((0, 4, 3), np.uint8), "rgb8", "non-empty"),
        (np.zeros((4, 4, 3), np.uint8), "nv12", "cannot write encoding 'nv12'"),
    ],
)
def test_fill_refuses_what_the_encoding_is_not(array, encoding, text):
    with pytest.raises(ImageError, match=text):
        fill_image(blank("rosbags", IMAGE), array, encoding)


def compressed(kind, data, form="jpeg"):
    return with_bytes(kind, blank(kind, "sensor_msgs/msg/CompressedImage", format=form), data)


def smooth_picture():
    y, x = np.mgrid[0:40, 0:60]
    return np.stack([x * 4, y * 6, 255 - x * 4], axis=-1).astype(np.uint8)


def encoded(suffix):
    return cv2.imencode(suffix, smooth_picture()[..., ::-1])[1].tobytes()


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize(("suffix", "tolerance"), [(".jpg", 12), (".png", 0)])
def test_compressed_pictures_are_rgb(kind, suffix, tolerance):
    picture = decode_image(compressed(kind, encoded(suffix), f"rgb8; {suffix[1:]} compressed bgr8"))
    assert np.abs(picture.astype(int) - smooth_picture()).max() <= tolerance
    assert picture.flags.c_contiguous


@pytest.mark.parametrize("suffix", [".jpg", ".png"])
@given(part=st.floats(0.0, 0.999))
@settings(deadline=None)
def test_a_truncated_compressed_picture_is_an_error_never_a_half_grey_one(suffix, part):
    data = encoded(suffix)
    with pytest.raises(ImageError, match=r"truncated|empty|not a JPEG"):
        decode_image(compressed("rosbags", data[: int(len(data) * part)]))


@pytest.mark.parametrize("suffix", [".jpg", ".png", ".webp", ".tiff"])
@pytest.mark.parametrize("padding", [b"\0" * 5000, b"\n", b"\xff" * 32, b"\xff\xd9\0\xff"])
def test_bytes_after_the_end_of_a_picture_are_ignored(suffix, padding):
    whole = decode_image(compressed("rosbags", encoded(suffix)))
    np.testing.assert_array_equal(decode_image(compressed("rosbags", encoded(suffix) + padding)), whole)


def test_the_end_marker_of_a_thumbnail_is_not_that_of_the_picture():
    data = encoded(".jpg")
    thumbnail = b"Exif\0\0" + data
    data = data[:2] + b"\xff\xe1" + struct.pack(">H", 2 + len(thumbnail)) + thumbnail + data[2:]
    assert decode_image(compressed("rosbags", data)).shape == (40, 60, 3)
    with pytest.raises(ImageError, match="truncated"):
        decode_image(compressed("rosbags", data[:-40]))


def turned_jpeg():
    """A JPEG of 60 x 40 pixels whose flag says that it is to be turned by 90 degrees to stand upright."""
    tiff = b"MM\0*\0\0\0\x08\0\x01\x01\x12\0\x03\0\0\0\x01\0\x06\0\0\0\0\0\0"
    data = encoded(".jpg")
    return data[:2] + b"\xff\xe1" + struct.pack(">H", 8 + len(tiff)) + b"Exif\0\0" + tiff + data[2:]


def test_a_camera_frame_stays_as_it_lies_and_a_photograph_is_turned_upright(tmp_path):
    as_it_lies = decode_image(compressed("rosbags", turned_jpeg()))
    np.testing.assert_array_equal(as_it_lies, decode_image(compressed("rosbags", encoded(".jpg"))))
    path = tmp_path / "goal.jpg"
    path.write_bytes(turned_jpeg())
    np.testing.assert_array_equal(read_picture(path), np.rot90(as_it_lies, -1))


@pytest.mark.parametrize("suffix", [".jpg", ".png", ".webp", ".tiff"])
def test_a_picture_above_the_limit_is_refused_by_its_header(suffix, monkeypatch):
    data = encoded(suffix)
    assert decode_image(compressed("rosbags", data), max_pixels=2400).shape == (40, 60, 3)
    monkeypatch.setattr(cv2, "imdecode", None)
    with pytest.raises(ImageError, match=r"60 x 40 = 0.0 megapixels, above the limit .*max_image_megapixels"):
        decode_image(compressed("rosbags", data), max_pixels=2399)


def test_a_raw_image_above_the_limit_is_refused():
    message = packed("rosbags", values_of("rgb8", 4, 6), "rgb8")
    with pytest.raises(ImageError, match="above the limit"):
        decode_image(message, max_pixels=23)


@given(
    suffix=st.sampled_from([".jpg", ".png", ".webp", ".tiff"]),
    at=st.integers(0, 60),
    value=st.integers(0, 255),
    end=st.integers(1, 400),
)
@settings(deadline=None)
def test_a_broken_header_is_an_error_or_a_picture_within_the_limit(suffix, at, value, end):
    data = bytearray(encoded(suffix)[:end])
    data[min(at, len(data) - 1)] = value
    try:
        height, width, _ = decode_image(compressed("rosbags", bytes(data)), max_pixels=10_000).shape
    except ImageError:
        return
    assert height * width <= 10_000


@given(data=st.binary(max_size=200))
@settings(deadline=None)
def test_garbage_is_an_error(data):
    with pytest.raises(ImageError):
        decode_image(compressed("rosbags", data))


def test_a_bayer_camera_compressed_in_colour_is_a_colour_picture():
    picture = decode_image(compressed("rosbags", encoded(".png"), "bayer_rggb8; jpeg compressed bgr8"))
    np.testing.assert_array_equal(picture, smooth_picture())


@pytest.mark.parametrize(
    "form",
    [
        "16UC1; compressedDepth png",
        "bayer_rggb8; jpeg compressed bayer_rggb8",
        "bayer_rggb8; jpeg compressed ",
    ],
)
def test_compressed_non_colour_pictures_are_refused(form):
    with pytest.raises(ImageError, match="not a colour picture"):
        decode_image(compressed("rosbags", encoded(".png"), form))


def test_a_live_message_and_its_recording_decode_alike():
    serialization = pytest.importorskip("rclpy.serialization")
    live = packed("rclpy", values_of("bgr8", 6, 5), "bgr8", padding=3)
    recorded = typestore().deserialize_cdr(serialization.serialize_message(live), IMAGE)
    np.testing.assert_array_equal(decode_image(recorded), decode_image(live))
