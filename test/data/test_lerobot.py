"""LeRobot datasets, v2.0 to v3.0, become labelled recordings, or errors that say what does not fit."""

import json
import re
from dataclasses import replace

import numpy as np
import pytest

pytest.importorskip("av")
pytest.importorskip("pyarrow")

import pyarrow as pa
import pyarrow.parquet as pq
from video_makers import KEY, greys, write_lerobot, write_video

from wm_ros.data.load import load_recording
from wm_ros.data.recording import RecordingError
from wm_ros.robots.profile import load_profile

ARM = load_profile("arm")
VERSIONS = ("v2.0", "v2.1", "v3.0")
LENGTHS = (12, 7, 9)
EPISODES = [greys(length, first=60 * number) for number, length in enumerate(LENGTHS)]


def ramps(width=2):
    """Actions [R, width] of each episode: row r of episode e holds e + r / 100, minus that in the next column ..."""
    rows = [number + np.arange(length)[:, None] / 100 for number, length in enumerate(LENGTHS)]
    return [row * (-1.0) ** np.arange(width) for row in rows]


def greys_of(recording):
    return recording.frames.reshape(len(recording.frames), -1).mean(axis=1)


@pytest.fixture(params=VERSIONS)
def version(request):
    return request.param


def test_episodes_frames_and_actions_come_back(tmp_path, version):
    recording = load_recording(write_lerobot(tmp_path / "set", version, EPISODES, ramps()), ARM)
    assert recording.episodes == (slice(0, 12), slice(12, 19), slice(19, 28))
    expected = np.concatenate([frames[:, 0, 0, 0] for frames in EPISODES])
    np.testing.assert_allclose(greys_of(recording), expected, atol=2.4)
    assert recording.labelled_episodes.tolist() == [0, 1, 2]
    for episode, frames in enumerate(EPISODES):
        start = recording.episodes[episode].start
        np.testing.assert_allclose(np.diff(recording.stamps_ns[recording.episodes[episode]]), 1e8, rtol=1e-4)
        # A model step is two rows: the actions of both, a tenth of a second each.
        clips = recording.clips(2, [episode])
        assert len(clips) == len(frames) - 2
        shoulder = episode + (clips[:, 0] - start + 0.5) / 100
        expected = np.stack([shoulder, -shoulder], axis=1)
        np.testing.assert_allclose(recording.actions(clips)[:, 0], expected, atol=1e-4)
    assert recording.notes == ()
    line = f"set: LeRobot {version} set, 28 frames of 48x32 at 10 Hz, 3 episodes, with commands"
    assert recording.sources == (line,)


def test_pictures_inside_the_tables_are_read(tmp_path, version):
    recording = load_recording(write_lerobot(tmp_path / "set", version, EPISODES, ramps(), images=True), ARM)
    expected = np.concatenate([frames[:, 0, 0, 0] for frames in EPISODES])
    np.testing.assert_array_equal(recording.frames[:, 0, 0, 0], expected)
    assert recording.episodes == (slice(0, 12), slice(12, 19), slice(19, 28))


def test_a_set_without_actions_is_unlabelled(tmp_path, version):
    recording = load_recording(write_lerobot(tmp_path / "set", version, EPISODES), ARM)
    assert recording.commands is None
    assert "set: no action in its features" in recording.notes[0]


# Which action component is which.


@pytest.mark.parametrize(
    "names",
    [
        ("elbow", "shoulder"),
        [["elbow", "shoulder"]],
        {"motors": ["elbow", "shoulder"]},
        {"motors": {"elbow": 0, "shoulder": 1}},
        {"left": ["elbow"], "right": ["shoulder"]},
        {"elbow": 0, "shoulder": 1},
    ],
)
def test_action_components_are_found_by_name(tmp_path, names):
    recording = load_recording(write_lerobot(tmp_path / "set", "v3.0", EPISODES, ramps(), names), ARM)
    # Column 0 is the elbow.
    np.testing.assert_allclose(recording.commands.vectors[12], [-1.0, 1.0])
    assert recording.notes == ()


@pytest.mark.parametrize("names", [("elbow.pos", "shoulder.pos"), {"motors": ["elbow.vel", "shoulder.vel"]}])
def test_endings_of_lerobot_s_names_are_passed_over_with_a_note(tmp_path, names):
    recording = load_recording(write_lerobot(tmp_path / "set", "v3.0", EPISODES, ramps(), names), ARM)
    np.testing.assert_allclose(recording.commands.vectors[12], [-1.0, 1.0])
    assert re.search(
        r"shoulder\.(pos|vel), elbow\.(pos|vel) of its action are taken for shoulder \(rad/s\)",
        recording.notes[0],
    )
    assert "no units" in recording.notes[0]


def test_a_name_with_two_endings_is_not_guessed(tmp_path):
    names = ("shoulder.pos", "shoulder.vel", "elbow.pos")
    root = write_lerobot(tmp_path / "set", "v3.0", EPISODES, ramps(3), names)
    with pytest.raises(RecordingError, match=r"3 components \(shoulder\.pos, shoulder\.vel, elbow\.pos\)"):
        load_recording(root, ARM)


def test_more_names_than_components_name_nothing(tmp_path):
    root = write_lerobot(tmp_path / "set", "v3.0", EPISODES, ramps(), ("gripper", "shoulder", "elbow"))
    recording = load_recording(root, ARM)
    assert "its action (without names) is taken, in this order" in recording.notes[0]


def test_components_that_the_profile_lacks_are_left_out_with_a_note(tmp_path):
    root = write_lerobot(tmp_path / "set", "v3.0", EPISODES, ramps(3), ("shoulder", "gripper", "elbow"))
    recording = load_recording(root, ARM)
    np.testing.assert_allclose(recording.commands.vectors[12], [1.0, 1.0])
    assert (
        "of its action (shoulder, gripper, elbow) only shoulder (rad/s), elbow (rad/s)" in recording.notes[0]
    )


@pytest.mark.parametrize(("names", "said"), [(("a.vel", "b.vel"), "a.vel, b.vel"), (None, "without names")])
def test_other_names_are_taken_in_order_with_a_note(tmp_path, names, said):
    recording = load_recording(write_lerobot(tmp_path / "set", "v3.0", EPISODES, ramps(), names), ARM)
    np.testing.assert_allclose(recording.commands.vectors[12], [1.0, -1.0])
    assert f"({said}) is taken, in this order, for shoulder (rad/s), elbow (rad/s)" in recording.notes[0]
    assert "no units" in recording.notes[0]


def test_another_number_of_components_is_refused(tmp_path):
    root = write_lerobot(tmp_path / "set", "v3.0", EPISODES, ramps(3), ("x", "y", "z"))
    with pytest.raises(
        RecordingError, match=r"3 components \(x, y, z\), profile arm has shoulder .*: give a profile"
    ):
        load_recording(root, ARM)


def test_a_single_action_component_is_a_plain_column(tmp_path):
    profile = replace(ARM, action=ARM.action[:1])
    root = write_lerobot(tmp_path / "set", "v3.0", EPISODES, ramps(1), ("shoulder",))
    np.testing.assert_allclose(load_recording(root, profile).commands.vectors[12], [1.0])


def test_an_action_slower_than_the_driver_s_timeout_is_held_to_the_next_row(tmp_path):
    profile = replace(ARM, model_rate_hz=2.0)
    steady = [np.full((length, 2), 0.5) for length in LENGTHS]
    recording = load_recording(write_lerobot(tmp_path / "set", "v3.0", EPISODES, steady, rate=2), profile)
    np.testing.assert_allclose(recording.actions(recording.clips(2)), 0.5, atol=1e-4)


def test_timestamps_that_begin_anew_within_an_episode_make_two(tmp_path):
    root = write_lerobot(tmp_path / "set", "v3.0", [greys(20)], [np.sin(np.arange(40.0)).reshape(20, 2)])
    file = root / "data/chunk-000/file-000.parquet"
    rows = pq.read_table(file).to_pydict()
    rows["timestamp"] = [time if row < 12 else time - 1.2 for row, time in enumerate(rows["timestamp"])]
    pq.write_table(pa.table(rows), file)
    recording = load_recording(root, ARM)
    assert recording.episodes == (slice(0, 12), slice(12, 20))
    whole = load_recording(write_lerobot(tmp_path / "whole", "v3.0", [greys(20)]), ARM)
    np.testing.assert_array_equal(greys_of(recording), greys_of(whole))
    assert any("begin anew 1 times" in note for note in recording.notes)


def test_actions_that_are_not_finite_are_left_out_and_counted(tmp_path):
    actions = ramps()
    actions[1][3, 0] = np.nan
    recording = load_recording(write_lerobot(tmp_path / "set", "v3.0", EPISODES, actions), ARM)
    assert len(recording.commands.vectors) == 27
    assert recording.notes == ("set: left out 1 actions that are not finite",)


# Which camera.


def test_the_camera_is_the_profile_s_or_the_one_asked_for(tmp_path, version):
    other = "observation.images.wrist"
    root = write_lerobot(tmp_path / "set", version, EPISODES, ramps(), cameras=(KEY, other))
    said = f"no camera 'image'; it has {KEY}, {other}: name one with --camera"
    with pytest.raises(RecordingError, match=said):
        load_recording(root, ARM)
    by_profile = load_recording(root, replace(ARM, camera=replace(ARM.camera, topic="wrist")))
    assert len(by_profile.frames) == len(load_recording(root, ARM, camera=KEY).frames) == 28
    with pytest.raises(RecordingError, match="no camera 'top'"):
        load_recording(root, ARM, camera="top")


# Broken and foreign sets.


@pytest.mark.parametrize(
    ("info", "said"),
    [
        ({"codebase_version": "v1.6"}, r"version v1\.6; v2\.0, v2\.1 and v3\.x are read: convert it"),
        ({"codebase_version": "v4.0"}, r"version v4\.0"),
        ({"fps": 0}, "fps must be above 0, got 0"),
        (
            {"features": {"observation.state": {"dtype": "float32", "shape": [2]}}},
            "no camera 'image'; it has none",
        ),
        ({"features": {"action": {}}}, "features must map each name to its dtype"),
        ({"video_path": None}, "does not say where the pictures"),
    ],
)
def test_metadata_that_does_not_fit_is_told(tmp_path, version, info, said):
    root = write_lerobot(tmp_path / "set", version, EPISODES, ramps(), **info)
    with pytest.raises(RecordingError, match=said):
        load_recording(root, ARM)


def test_info_that_is_no_json_is_told(tmp_path):
    root = write_lerobot(tmp_path / "set", "v3.0", EPISODES, ramps())
    for text in ("{", json.dumps([1]), json.dumps({"codebase_version": "v3.0"})):
        (root / "meta" / "info.json").write_text(text)
        with pytest.raises(RecordingError, match=r"info\.json does not describe a LeRobot dataset"):
            load_recording(root, ARM)


def test_fewer_episodes_than_promised_are_noted(tmp_path, version):
    root = write_lerobot(tmp_path / "set", version, EPISODES, ramps(), total_episodes=5, total_frames=99)
    notes = load_recording(root, ARM).notes
    assert notes == (
        "set: info.json promises 5 episodes, found 3",
        "set: info.json promises 99 frames, found 28",
    )


def test_a_video_that_ends_early_costs_its_rows_alone(tmp_path):
    root = write_lerobot(tmp_path / "set", "v2.1", EPISODES, ramps())
    write_video(root / f"videos/chunk-000/{KEY}/episode_000001.mp4", EPISODES[1][:4])
    recording = load_recording(root, ARM)
    assert recording.episodes == (slice(0, 12), slice(12, 16), slice(16, 25))
    assert recording.notes == (
        "set: 1 episodes have more or fewer frames in their video than rows (episode 1: 4 and 7): rows go with "
        "the frame of their time, and what has no partner is left out",
        "set: left out 3 rows without a picture that can be read",
    )


def test_missing_videos_or_tables_are_named(tmp_path, version):
    root = write_lerobot(tmp_path / "set", version, EPISODES, ramps())
    videos = sorted((root / "videos").rglob("*.mp4"))
    for video in videos:
        video.unlink()
    with pytest.raises(RecordingError, match=f"there is no .*{videos[0].name}: was the set downloaded whole"):
        load_recording(root, ARM)
    table = sorted((root / "data").rglob("*.parquet"))[0]
    table.write_bytes(table.read_bytes()[:100])
    with pytest.raises(RecordingError, match=f"{table.name} cannot be read"):
        load_recording(root, ARM)
    for table in (root / "data").rglob("*.parquet"):
        table.unlink()
    with pytest.raises(RecordingError, match=r"has no data/\*/\*\.parquet"):
        load_recording(root, ARM)


def test_a_table_without_actions_is_named(tmp_path):
    root = write_lerobot(tmp_path / "set", "v3.0", EPISODES, ramps())
    table = root / "data/chunk-000/file-000.parquet"
    pq.write_table(pq.read_table(table).drop_columns(["action"]), table)
    with pytest.raises(RecordingError, match=r"file-000\.parquet lacks the columns action"):
        load_recording(root, ARM)


def test_a_set_whose_metadata_know_none_of_its_episodes_is_refused(tmp_path):
    root = write_lerobot(tmp_path / "set", "v3.0", EPISODES, ramps())
    table = root / "data/chunk-000/file-000.parquet"
    rows = pq.read_table(table)
    place = rows.schema.get_field_index("episode_index")
    pq.write_table(rows.set_column(place, "episode_index", pa.array([7] * len(rows), pa.int64())), table)
    with pytest.raises(RecordingError, match="left out 1 episodes that meta/ does not know, the first is 7"):
        load_recording(root, ARM)


@pytest.mark.parametrize("part", ["meta/info.json", "meta/episodes", "data", "videos"])
def test_what_was_cloned_without_its_large_files_is_told_so(tmp_path, version, part):
    root = write_lerobot(tmp_path / "set", version, [greys(20)])
    files = (
        [root / part]
        if (root / part).is_file()
        else [file for file in (root / part).rglob("*") if file.is_file()]
    )
    for file in files or [root / "meta/episodes.jsonl"]:
        file.write_text("version https://git-lfs.github.com/spec/v1\noid sha256:66\nsize 147\n")
    with pytest.raises(
        RecordingError, match="is a Git LFS pointer, not the data: fetch that with `git lfs pull`"
    ):
        load_recording(root, ARM)
