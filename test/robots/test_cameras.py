"""The cameras of a profile: one as ever, or a list, each with a name and a topic of its own."""

import pytest

from wm_ros.robots.components import Camera
from wm_ros.robots.profile import ProfileError, differences, load_profile, profile_from_dict

ARM = load_profile("arm").to_dict()
FRONT, WRIST = {"name": "front", "topic": "front/image"}, {"name": "wrist", "topic": "wrist/image"}


def with_cameras(*cameras, **model):
    data = {key: value for key, value in ARM.items() if key != "camera"} | {"cameras": list(cameras)}
    return data | {"model": ARM["model"] | model}


def test_one_camera_is_as_it_was():
    profile = load_profile("arm")
    assert profile.cameras == (Camera("image", "raw", noise=False),)
    assert ARM["camera"] == {"topic": "image", "transport": "raw", "noise": False, "moves": False}
    assert "cameras" not in ARM
    assert "frame_tolerance_s" not in ARM["model"]


def test_several_keep_their_order_through_a_card():
    profile = profile_from_dict(with_cameras(WRIST | {"moves": True, "transport": "compressed"}, FRONT))
    assert [camera.name for camera in profile.cameras] == ["wrist", "front"]
    assert profile.camera == Camera("wrist/image", "compressed", moves=True, name="wrist")
    assert not profile.cameras_move
    assert profile_from_dict(profile.to_dict()) == profile


def test_frames_belong_together_within_half_a_model_step_unless_the_profile_says_otherwise():
    assert profile_from_dict(with_cameras(FRONT, WRIST)).frames_apart_s == pytest.approx(0.1)
    assert profile_from_dict(with_cameras(FRONT, WRIST, frame_tolerance_s=0.02)).frames_apart_s == 0.02


@pytest.mark.parametrize(
    ("data", "message"),
    [
        (
            with_cameras(FRONT, WRIST | {"topic": "front/image"}),
            "a topic of their own, got 'front/image' more",
        ),
        (with_cameras(FRONT, WRIST | {"topic": "/front/image"}), "a topic of their own"),
        (with_cameras(FRONT, WRIST | {"name": "front"}), "a name of their own, got 'front' more than once"),
        (with_cameras(FRONT, {"name": "wrist"}), r"cameras\[1\] must say its topic"),
        (with_cameras({"topic": "front/image"}, WRIST), r"cameras\[0\] must say its name"),
        (with_cameras(FRONT, WRIST | {"name": "on the wrist"}), "letters, digits and _"),
        (with_cameras(FRONT, WRIST | {"noise": 1}), r"cameras\[1\]\.noise must be true or false"),
        (with_cameras(FRONT, WRIST | {"fps": 30}), "unknown entries"),
        (with_cameras(), "at least one camera"),
        (with_cameras(FRONT) | {"camera": {"topic": "image"}}, "not both"),
        (with_cameras(FRONT, WRIST, frame_tolerance_s=0), "greater than 0"),
        (with_cameras(FRONT, frame_tolerance_s=0.1), "this robot has one"),
        (ARM | {"camera": {"topic": "image", "name": "front"}}, "unknown entries"),
    ],
)
def test_what_cannot_be_is_refused(data, message):
    with pytest.raises(ProfileError, match=message):
        profile_from_dict(data)


def test_a_model_belongs_to_its_cameras_and_their_order():
    both, swapped = (profile_from_dict(with_cameras(*pair)) for pair in ((FRONT, WRIST), (WRIST, FRONT)))
    moved = profile_from_dict(with_cameras(FRONT | {"topic": "cell/front"}, WRIST))
    one = load_profile("arm")
    assert differences(both, moved) == []
    assert differences(one, profile_from_dict(with_cameras(FRONT))) == []
    assert differences(both, swapped) == ["cameras front, wrist against wrist, front"]
    assert differences(one, both) == ["cameras one against front, wrist"]
