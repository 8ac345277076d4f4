"""Robot profiles: what must not drive a robot is refused by name, before anything moves."""

import copy

import numpy as np
import pytest
import yaml
from hypothesis import given
from hypothesis import strategies as st
from nested_data import places

from wm_ros.resources import share_dir
from wm_ros.robots.profile import ProfileError, differences, load_profile, profile_from_dict

ARM = yaml.safe_load((share_dir() / "config" / "robots" / "arm.yaml").read_text())
DELETED = object()


def changed(path, value, of=ARM):
    """A profile's entries with one changed, `action.0.max` say, or deleted."""
    data = copy.deepcopy(of)
    *parents, last = [int(key) if key.isdigit() else key for key in path.split(".")]
    entry = data
    for key in parents:
        entry = entry[key]
    if value is DELETED:
        del entry[last]
    else:
        entry[last] = value
    return data


def test_the_packaged_arm_is_what_its_file_says():
    arm = load_profile("arm")
    assert arm.names == ("shoulder", "elbow")
    assert arm.units == ("rad/s", "rad/s")
    np.testing.assert_array_equal(arm.low, [-1.5, -1.5])
    np.testing.assert_array_equal(arm.high, [1.5, 1.5])
    np.testing.assert_array_equal(arm.max_acceleration, [10.0, 10.0])
    np.testing.assert_array_equal(arm.max_jerk, [400.0, 400.0])
    assert arm.model_dt == pytest.approx(0.2)
    assert arm.action[1].field == "data[1]"
    assert (arm.command.rate_hz, arm.command.timeout_s) == (50.0, 0.25)
    assert arm.state.topic == "joint_states"


def test_limits_cannot_be_written_by_those_who_read_them():
    with pytest.raises(ValueError, match="read-only"):
        load_profile("arm").high[0] = 9.0


@pytest.mark.parametrize(
    ("path", "value", "said"),
    [
        ("action.0.min", 0.5, r"action\[0\]: limits must satisfy min <= 0 <= max .* got min 0.5 max 1.5"),
        ("action.1.max", -0.5, r"action\[1\]: limits must satisfy .* got min -1.5 max -0.5"),
        ("action.1.max_acceleration", -10.0, r"action\[1\].max_acceleration must be greater than 0, got -10"),
        ("action.1.max_jerk", 0, r"action\[1\].max_jerk must be greater than 0, got 0"),
        ("action.0.max", float("nan"), r"action\[0\].max must be a finite number, got nan"),
        ("action.0.min", -float("inf"), r"action\[0\].min must be a finite number, got -inf"),
        pytest.param("action.0.max", 10**400, r"action\[0\].max must be a finite number, got inf", id="huge"),
        ("action.0.max", "1.5", r"action\[0\].max must be a finite number, got '1.5'"),
        ("action.0.max", True, r"action\[0\].max must be a finite number, got True"),
        ("action.0.max", DELETED, r"action\[0\].max must be a finite number, got None"),
        ("action.0.unit", DELETED, r"action\[0\].unit must be a non-empty text"),
        ("action.0.field", "", r"action\[0\].field must be a non-empty text"),
        ("action.0.maximum", 1.0, r"action\[0\] has unknown entries \['maximum'\]; known: .*'max'"),
        ("action.1.name", "shoulder", r"action names must differ, got \['shoulder', 'shoulder'\]"),
        ("action.1", "elbow", r"action\[1\] must be a mapping, got 'elbow'"),
        ("action", [], "action must be a list with at least one component"),
        ("action", DELETED, "action must be a list with at least one component, got None"),
        ("name", DELETED, "name must be a non-empty text"),
        ("command", DELETED, "command must be a mapping, got None"),
        ("command.type", DELETED, "command.type must be a non-empty text"),
        ("command.timeout_s", 0.0, "command.timeout_s must be greater than 0"),
        ("command.rate_hz", float("nan"), "command.rate_hz must be a finite number"),
        ("command.rate", 50, r"command has unknown entries \['rate'\]"),
        ("camera.transport", "jpeg", "camera.transport must be raw or compressed, got 'jpeg'"),
        ("camera.topics", "x", r"camera has unknown entries \['topics'\]"),
        ("camera.noise", 1, "camera.noise must be true or false, got 1"),
        ("camera.moves", "yes", "camera.moves must be true or false, got 'yes'"),
        ("camera", None, "camera must be a mapping, got None"),
        ("state.topic", DELETED, "state.topic must be a non-empty text"),
        ("state.rate", 1, r"state has unknown entries \['rate'\]"),
        ("model.rate_hz", -5.0, "model.rate_hz must be greater than 0"),
        ("model", DELETED, "model must be a mapping"),
        ("max_speed", 1.0, r"profile has unknown entries \['max_speed'\]"),
        (1, 2, r"profile has unknown entries \['1'\]"),
    ],
)
def test_a_wrong_entry_is_named(path, value, said):
    data = changed(path, value) if isinstance(path, str) else {**ARM, path: value}
    with pytest.raises(ProfileError, match=said):
        profile_from_dict(data)


def test_a_robot_that_could_not_stand_still_or_not_move_is_refused():
    for low, high in ((0.1, 1.0), (-1.0, -0.1), (0.0, 0.0), (1.0, -1.0)):
        data = changed("action.0.min", low)
        data["action"][0]["max"] = high
        with pytest.raises(ProfileError, match="limits must satisfy min <= 0 <= max and min < max"):
            profile_from_dict(data)
    one_way = changed("action.0.min", 0)
    assert profile_from_dict(one_way).low[0] == 0.0


@pytest.mark.parametrize("path", [None, "state", "camera"])
def test_plain_data_is_the_way_there_and_back(path):
    profile = profile_from_dict(changed(path, DELETED) if path else ARM)
    data = profile.to_dict()
    assert profile_from_dict(data) == profile
    # Through text as well: it is what a checkpoint's card holds.
    assert profile_from_dict(yaml.safe_load(yaml.safe_dump(data))) == profile
    assert ("state" in data) == (path != "state")


FRANKA_POSE = yaml.safe_load((share_dir() / "config" / "robots" / "franka_pose.yaml").read_text())


@pytest.mark.parametrize(
    ("path", "value", "said"),
    [
        ("action.0.name", "elbow", r"takes poses must be \[\('x', 'm/s'\), .*, got \[\('elbow', 'm/s'\)"),
        ("action.3.unit", "deg/s", r"got .*\('roll', 'deg/s'\)"),
        ("action.5", DELETED, "takes poses must be"),
        ("action.0.field", "pose.position.x", r"action\[0\].field must be left out, got 'pose.position.x'"),
        (
            "command.leash",
            DELETED,
            "command.leash must say .* for commands of type geometry_msgs/msg/PoseStamped",
        ),
        ("command.leash.position_m", 0.0, "command.leash.position_m must be greater than 0"),
        ("command.leash.max_age_s", DELETED, "command.leash.max_age_s must say how old"),
        ("command.leash.metres", 1.0, r"command.leash has unknown entries \['metres'\]"),
        (
            "state",
            DELETED,
            "state must be of type .*PoseStamped, where the robot tells its measured pose, got None",
        ),
        ("state.type", "nav_msgs/msg/Odometry", "state must be of type"),
        (
            "command.type",
            "geometry_msgs/msg/TwistStamped",
            "command.leash is for commands that are targets: of type",
        ),
    ],
)
def test_a_wrong_entry_of_a_robot_that_takes_poses_is_named(path, value, said):
    with pytest.raises(ProfileError, match=said):
        profile_from_dict(changed(path, value, FRANKA_POSE))


@pytest.mark.parametrize(
    ("path", "value", "said"),
    [
        ("gripper.joint", DELETED, "gripper.joint must be a non-empty text, got None"),
        ("gripper.open", 0.0, "gripper.open and gripper.closed must differ, got 0.0 for both"),
        ("gripper.closed", "shut", "gripper.closed must be a finite number, got 'shut'"),
        ("gripper.type", "x", r"gripper has unknown entries \['type'\]"),
        ("gripper", 1.0, "gripper must be a mapping, got 1.0"),
        ("action.0.field", DELETED, r"action\[0\].field must be a non-empty text, got None"),
    ],
)
def test_a_wrong_entry_of_a_robot_with_a_gripper_is_named(path, value, said):
    franka = load_profile("franka").to_dict()
    with pytest.raises(ProfileError, match=said):
        profile_from_dict(changed(path, value, franka))


def test_entries_that_a_robot_does_not_have_are_not_in_its_data():
    assert set(load_profile("arm").to_dict()) == {"name", "camera", "command", "state", "model", "action"}
    assert "leash" not in load_profile("arm").to_dict()["command"]
    for name in ("franka", "franka_pose"):
        profile = load_profile(name)
        assert profile_from_dict(profile.to_dict()) == profile
    assert "field" not in load_profile("franka_pose").to_dict()["action"][0]


def test_differences_name_what_contradicts_a_model_and_let_topics_differ():
    arm = profile_from_dict(ARM)
    other_topics = changed("command.topic", "elsewhere")
    other_topics["camera"] = {"topic": "front/image", "transport": "compressed"}
    other_topics["action"][0]["max_jerk"] = 100.0
    assert differences(arm, profile_from_dict(other_topics)) == []
    other = changed("action.1.max", 2.0)
    other["action"][0]["unit"] = "deg/s"
    other["model"]["rate_hz"] = 10
    assert differences(arm, profile_from_dict(other)) == [
        "model.rate_hz 5.0 against 10.0",
        "shoulder.unit rad/s against deg/s",
        "elbow.max 1.5 against 2.0",
    ]
    swapped = {**ARM, "action": ARM["action"][::-1]}
    assert differences(arm, profile_from_dict(swapped)) == [
        "action names ['shoulder', 'elbow'] against ['elbow', 'shoulder']"
    ]


def test_a_profile_is_read_from_a_file_and_errors_name_the_file(tmp_path):
    path = tmp_path / "robot.yaml"
    path.write_text(yaml.safe_dump(changed("name", "mine")))
    assert load_profile(path).name == load_profile(str(path)).name == "mine"
    path.write_text(yaml.safe_dump(changed("action.0.max", -1.0)))
    with pytest.raises(ProfileError, match=r"robot\.yaml: action\[0\]: limits"):
        load_profile(path)


@pytest.mark.parametrize(
    ("content", "said"),
    [
        (b"name: [", "is not valid YAML"),
        (b"\xff\xfe\x00", "is not valid YAML"),
        (b"name: 2001-99-99", "is not valid YAML"),
        (b"name: !!python/object:os.system x", "is not valid YAML"),
        pytest.param(b"[" * 5000, "is not valid YAML", id="nested"),
        (b"", "profile must be a mapping, got None"),
        (b"- arm", "profile must be a mapping"),
    ],
)
def test_a_file_that_holds_no_profile_is_told_so(tmp_path, content, said):
    path = tmp_path / "robot.yaml"
    path.write_bytes(content)
    with pytest.raises(ProfileError, match=said) as told:
        load_profile(path)
    assert "robot.yaml" in str(told.value)


def test_an_unknown_name_lists_the_known_ones(tmp_path):
    with pytest.raises(ProfileError, match=r"no robot profile named .r2d2.; known: arm.*give a \.yaml file"):
        load_profile("r2d2")
    with pytest.raises(ProfileError, match=r"nowhere\.yaml does not exist"):
        load_profile(tmp_path / "nowhere.yaml")


PLAIN = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=8),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=8), inner, max_size=3),
    max_leaves=5,
)


@given(place=st.sampled_from(list(places(ARM))), value=PLAIN)
def test_whatever_stands_in_an_entry_the_limits_are_usable_or_it_is_refused(place, value):
    data = copy.deepcopy(ARM)
    entry = data
    for key in place[:-1]:
        entry = entry[key]
    entry[place[-1]] = value
    try:
        profile = profile_from_dict(data)
    except ProfileError:
        return
    assert np.isfinite([profile.low, profile.high, profile.max_acceleration, profile.max_jerk]).all()
    assert (profile.low <= 0).all()
    assert (profile.high >= 0).all()
    assert (profile.max_acceleration > 0).all()
    assert profile.model_dt > 0


def test_config_and_launch_files_are_found():
    assert (share_dir() / "config" / "robots" / "arm.yaml").is_file()
    assert (share_dir() / "launch" / "demo.launch.py").is_file()


def test_an_install_finds_its_share_folder_and_a_stray_copy_says_what_is_missing(tmp_path, monkeypatch):
    package = tmp_path / "prefix" / "lib" / "python3" / "site-packages" / "wm_ros"
    monkeypatch.setattr("wm_ros.resources.PACKAGE", package)
    with pytest.raises(FileNotFoundError, match=r"no share/wm_ros above .*site-packages.*pip install"):
        share_dir()
    share = tmp_path / "prefix" / "share" / "wm_ros"
    (share / "config").mkdir(parents=True)
    assert share_dir() == share
