"""Whatever comes in from outside, out comes what was asked for or an error of our own.

WM_ROS_FUZZ=10000 pytest --timeout 0 test/test_fuzz.py test/safety/test_guard_machine.py    tries so many cases of each.
"""

import json
import shutil
from array import array
from types import SimpleNamespace

import cv2
import numpy as np
import pytest
from fuzz import cases
from hypothesis import given
from hypothesis import strategies as st

from wm_ros.messages.command import CommandError, check_command, fill_command, read_command
from wm_ros.messages.compressed import ImageError
from wm_ros.messages.image import decode_image
from wm_ros.messages.plan import PlanError, decode_plan
from wm_ros.messages.stamp import fill_stamp, to_ns
from wm_ros.messages.tensor import decode_tensor
from wm_ros.resources import share_dir
from wm_ros.robots.profile import ProfileError, load_profile, profile_from_dict

ARM = load_profile("arm")
ARM_TEXT = (share_dir() / "config" / "robots" / "arm.yaml").read_bytes()
PICTURE = np.random.default_rng(0).integers(0, 256, (24, 32, 3), dtype=np.uint8)
FILES = [cv2.imencode(kind, PICTURE)[1].tobytes() for kind in (".jpg", ".png")]


@st.composite
def damaged(draw, originals):
    """Bytes of one of these with some cut out, put in, doubled or changed; or any bytes."""
    data = bytearray(draw(st.sampled_from(originals)))
    for _ in range(draw(st.integers(1, 4))):
        at = draw(st.integers(0, len(data)))
        length = draw(st.integers(0, 40))
        new = draw(st.binary(max_size=8) | st.just(bytes(data[at : at + length]) * 2))
        data[at : at + length] = new
    return bytes(data)


@given(
    data=damaged(FILES) | st.binary(max_size=200),
    kind=st.sampled_from(["jpeg", "png", "", "rgb8; jpeg"]) | st.text(),
)
@cases(100)
def test_compressed_images(data, kind):
    try:
        picture = decode_image(SimpleNamespace(format=kind, data=array("B", data)))
    except ImageError:
        return
    assert picture.dtype == np.uint8
    assert picture.shape[2] == 3


WORDS = st.integers(0, 40) | st.sampled_from([2**31, 2**32 - 1])


@given(
    fields=st.fixed_dictionaries(
        {
            "encoding": st.sampled_from(["32FC1", "rgb8"]) | st.text(max_size=6),
            "height": WORDS,
            "width": WORDS,
            "step": WORDS,
            "is_bigendian": st.integers(0, 255),
        }
    ),
    data=st.binary(max_size=200),
)
@cases(100)
def test_tensors(fields, data):
    try:
        tensor = decode_tensor(SimpleNamespace(**fields, data=array("B", data)))
    except ImageError:
        return
    assert tensor.dtype == np.float32
    assert tensor.shape == (fields["height"], fields["width"])


NUMBERS = st.floats() | st.sampled_from([0.0, -0.0, 1e308, 5e-324])
TIMES = st.builds(SimpleNamespace, sec=st.integers(-(2**31), 2**31 - 1), nanosec=st.integers(0, 2**32 - 1))
SOON = st.builds(SimpleNamespace, sec=st.integers(0, 3), nanosec=st.integers(0, 10**9 - 1))


@given(
    message=st.builds(
        lambda names, points, stamp: SimpleNamespace(
            header=SimpleNamespace(stamp=stamp), joint_names=names, points=points
        ),
        names=st.just(list(ARM.names)) | st.lists(st.text(max_size=4), max_size=3),
        points=st.lists(
            st.builds(
                SimpleNamespace,
                velocities=st.lists(NUMBERS, min_size=2, max_size=2)
                | st.just([0.0, 0.0])
                | st.lists(NUMBERS, max_size=3),
                time_from_start=SOON | TIMES,
            ),
            max_size=5,
        ),
        stamp=TIMES,
    ),
    asked_ns=st.integers(-(2**63), 2**63 - 1),
)
@cases(150)
def test_plans(message, asked_ns):
    try:
        plan = decode_plan(message, ARM)
    except PlanError:
        return
    rates = plan.rate_at(asked_ns)
    assert rates is None or np.isfinite(rates).all()
    assert plan.rate_at(plan.end_ns) is None


FIELDS = (
    st.sampled_from(
        [
            "data[0]",
            "data[1]",
            "data[999]",
            "linear.x",
            "name",
            "flag",
            "points[0].velocities[1]",
            "points[0]",
        ]
    )
    | st.from_regex(r"[a-z._\[\]0-9]{1,12}", fullmatch=True)
    | st.text(min_size=1, max_size=8)
)


def command(values):
    """A message with a bit of everything that profiles point into."""
    point = SimpleNamespace(velocities=array("d", values))
    return SimpleNamespace(
        data=array("d", values),
        linear=SimpleNamespace(x=0.0),
        name="text",
        flag=True,
        points=[point],
        count=3,
    )


@given(
    first=FIELDS,
    second=FIELDS,
    vector=st.lists(NUMBERS, min_size=1, max_size=3),
    held=st.lists(NUMBERS, max_size=3),
)
@cases(150)
def test_commands(first, second, vector, held):
    data = ARM.to_dict()
    data["action"][0]["field"], data["action"][1]["field"] = first, second
    profile = profile_from_dict(data)
    try:
        read = read_command(command(held), profile)
        assert np.isfinite(read).all()
    except CommandError:
        pass
    try:
        check_command(command([]), profile)
        written = read_command(fill_command(command([]), np.array(vector), profile, 0), profile)
    except CommandError:
        return
    np.testing.assert_array_equal(written, vector)


@given(ns=st.integers())
@cases(100)
def test_stamps(ns):
    stamp = SimpleNamespace(sec=0, nanosec=0)
    try:
        fill_stamp(stamp, ns)
    except ValueError as error:
        assert "32-bit seconds" in str(error)  # noqa: PT017 - the other outcome is a stamp
        return
    assert to_ns(stamp) == ns


@given(text=damaged([ARM_TEXT]) | st.binary(max_size=60))
@cases(100)
def test_robot_profiles(tmp_path, text):
    path = tmp_path / "robot.yaml"
    path.write_bytes(text)
    try:
        profile = load_profile(path)
    except ProfileError as error:
        assert str(path) in str(error)  # noqa: PT017 - the other outcome is a profile
        return
    assert np.isfinite([profile.low, profile.high]).all()
    assert load_profile(path).to_dict() == profile.to_dict()
    json.dumps(profile.to_dict(), allow_nan=False)


@pytest.fixture(scope="module")
def checkpoint(tmp_path_factory):
    pytest.importorskip("torch")
    from checkpoint_harness import write_checkpoint

    return tmp_path_factory.mktemp("whole"), write_checkpoint(tmp_path_factory.mktemp("written"), ARM)


@given(data=st.data())
@cases(60)
def test_cards(checkpoint, data):
    from wm_ros.models.card import CheckpointError
    from wm_ros.models.checkpoint import load_checkpoint

    folder, written = checkpoint
    shutil.copytree(written, folder, dirs_exist_ok=True)
    card = folder / "card.json"
    card.write_bytes(data.draw(damaged([card.read_bytes()]) | st.binary(max_size=60)))
    try:
        model = load_checkpoint(folder)
    except CheckpointError:
        return
    assert model.card.robot.names
