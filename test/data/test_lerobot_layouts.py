"""Sets as lerobot's versions wrote them: codecs, chunks, missing episodes, and times or counts that do not fit."""

import json

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
LENGTHS = (12, 7, 9)
# Every grey is 5 from the next, so that a frame that is off by one is seen.
EPISODES = [greys(length, first=60 * number, height=64, width=64) for number, length in enumerate(LENGTHS)]
ACTIONS = [number + np.arange(length)[:, None] / 100 * [1, -1] for number, length in enumerate(LENGTHS)]
BY_EPISODE, JOINED = ("v2.0", "v2.1"), ("v3.0",)


def seen(recording):
    """Episode and row of each frame, by its grey."""
    levels = recording.frames.reshape(len(recording.frames), -1).mean(axis=1)
    return [(int((level + 2) // 60), round((level + 2) % 60 // 5)) for level in levels]


def acted(recording):
    """Episode and row of the command that is held at each frame, by its value."""
    commands = recording.commands
    held = np.searchsorted(commands.stamps_ns, recording.stamps_ns + 1_000_000) - 1
    values = commands.vectors[held, 0]
    return [(int(value + 1e-6), round(value % 1 * 100) % 100) for value in values]


def rows(*lengths):
    return [(number, row) for number, length in enumerate(lengths) for row in range(length)]


def rewrite(path, change):
    """Change a table, given as a dictionary of lists."""
    columns = pq.read_table(path).to_pydict()
    change(columns)
    pq.write_table(pa.table(columns), path)


# As they were written.


@pytest.mark.parametrize("version", [*BY_EPISODE, *JOINED])
@pytest.mark.parametrize("codec", ["libx264", "libx265", "libsvtav1"])
def test_videos_of_all_codecs_are_read(tmp_path, version, codec):
    recording = load_recording(write_lerobot(tmp_path / "set", version, EPISODES, ACTIONS, codec=codec), ARM)
    assert seen(recording) == acted(recording) == rows(*LENGTHS)
    assert recording.notes == ()


@pytest.mark.parametrize("images", [False, True])
def test_files_in_chunks_are_read_in_order(tmp_path, images):
    lengths = [3, 5, 4, 6, 3, 5]
    episodes = [greys(length, first=40 * number) for number, length in enumerate(lengths)]
    root = write_lerobot(tmp_path / "set", "v3.0", episodes, per_file=1, images=images)
    assert len(list(root.glob("data/chunk-002/*.parquet"))) == 2
    recording = load_recording(root, ARM)
    assert [episode.stop - episode.start for episode in recording.episodes] == lengths
    levels = recording.frames.reshape(len(recording.frames), -1).mean(axis=1)
    np.testing.assert_allclose(levels, np.concatenate([frames[:, 0, 0, 0] for frames in episodes]), atol=2.4)


def test_names_as_they_were_in_v2_0(tmp_path):
    """Converted from older versions: names under `motors`, what a video is under `video_info`."""
    root = write_lerobot(tmp_path / "set", "v2.0", EPISODES, ACTIONS, {"motors": ["shoulder", "elbow"]})
    info = json.loads((root / "meta/info.json").read_text())
    info["features"][KEY]["video_info"] = {"video.fps": 10.0, "video.is_depth_map": False}
    info["features"][KEY]["names"] = ["height", "width", "channel"]
    (root / "meta/info.json").write_text(json.dumps(info))
    recording = load_recording(root, ARM)
    assert seen(recording) == acted(recording) == rows(*LENGTHS)


# Episodes that are missing.


@pytest.mark.parametrize("version", BY_EPISODE)
def test_episodes_that_were_not_downloaded_are_noted(tmp_path, version):
    root = write_lerobot(tmp_path / "set", version, EPISODES, ACTIONS)
    (root / "data/chunk-000/episode_000001.parquet").unlink()
    (root / f"videos/chunk-000/{KEY}/episode_000001.mp4").unlink()
    recording = load_recording(root, ARM)
    assert seen(recording) == acted(recording) == [one for one in rows(*LENGTHS) if one[0] != 1]
    assert "set: info.json promises 3 episodes, found 2" in recording.notes


@pytest.mark.parametrize("version", BY_EPISODE)
def test_a_missing_video_costs_its_episode_alone(tmp_path, version):
    root = write_lerobot(tmp_path / "set", version, EPISODES, ACTIONS)
    (root / f"videos/chunk-000/{KEY}/episode_000000.mp4").unlink()
    recording = load_recording(root, ARM)
    assert seen(recording) == acted(recording) == [one for one in rows(*LENGTHS) if one[0] != 0]
    assert any(
        "left out 1 episodes: there is no" in note and "episode_000000.mp4" in note
        for note in recording.notes
    )


@pytest.mark.parametrize("images", [False, True])
def test_an_episode_that_the_metadata_lack_is_left_out_with_its_pictures(tmp_path, images):
    root = write_lerobot(tmp_path / "set", "v3.0", EPISODES, ACTIONS, images=images)
    rewrite(
        root / "meta/episodes/chunk-000/file-000.parquet", lambda table: [v.pop(1) for v in table.values()]
    )
    recording = load_recording(root, ARM)
    assert seen(recording) == acted(recording) == [one for one in rows(*LENGTHS) if one[0] != 1]
    assert "set: left out 1 episodes that meta/ does not know, the first is 1" in recording.notes


def test_footage_of_deleted_episodes_is_passed_over(tmp_path):
    root = write_lerobot(tmp_path / "set", "v3.0", EPISODES, ACTIONS)
    rewrite(
        root / "meta/episodes/chunk-000/file-000.parquet", lambda table: [v.pop(1) for v in table.values()]
    )

    def without_episode(table):
        keep = [row for row, number in enumerate(table["episode_index"]) if number != 1]
        for name, values in table.items():
            table[name] = [values[row] for row in keep]

    rewrite(root / "data/chunk-000/file-000.parquet", without_episode)
    recording = load_recording(root, ARM)
    assert seen(recording) == acted(recording) == [one for one in rows(*LENGTHS) if one[0] != 1]
    assert (
        "set: file-000.mp4 has 28 frames, its episodes have 21: they are found by their times"
        in recording.notes
    )


# Times that do not fit.


def test_a_start_time_that_drifts_by_frames_over_a_file_is_not_believed(tmp_path):
    """Start times are sums of the durations of single videos, rounded: late episodes begin frames before or after."""
    lengths = [5] * 30
    episodes = [greys(length, first=7 * number) for number, length in enumerate(lengths)]
    for drift_s in (0.004, -0.004):  # a frame is 0.1 s
        root = write_lerobot(tmp_path / f"set{drift_s}", "v3.0", episodes)

        def drift(table, drift_s=drift_s):
            for key in ("from_timestamp", "to_timestamp"):
                times = table[f"videos/{KEY}/{key}"]
                table[f"videos/{KEY}/{key}"] = [t + drift_s * number for number, t in enumerate(times)]

        rewrite(root / "meta/episodes/chunk-000/file-000.parquet", drift)
        recording = load_recording(root, ARM)
        levels = recording.frames.reshape(len(recording.frames), -1).mean(axis=1)
        expected = np.concatenate([frames[:, 0, 0, 0] for frames in episodes])
        np.testing.assert_allclose(levels, expected, atol=2.4)
        assert (
            "in file-000.mp4 episodes begin up to 0.116 s from where meta/episodes has them"
            in recording.notes[-1]
        )


@pytest.mark.parametrize("version", [*BY_EPISODE, *JOINED])
def test_uneven_timestamps_leave_rows_with_their_frames(tmp_path, version):
    """The recorder's loop was late, and wrote when: rows and frames are as many."""
    root = write_lerobot(tmp_path / "set", version, EPISODES, ACTIONS)
    late = np.cumsum([0.0, 0.1, 0.23, 0.1, 0.02, 0.15, 0.1])

    def delay(table):
        for row, (number, frame) in enumerate(zip(table["episode_index"], table["frame_index"], strict=True)):
            if number == 1:
                table["timestamp"][row] = late[frame]

    for file in (root / "data").rglob("*.parquet"):
        rewrite(file, delay)
    recording = load_recording(root, ARM)
    assert seen(recording) == acted(recording) == rows(*LENGTHS)
    stamps = recording.stamps_ns[recording.episodes[1]]
    np.testing.assert_allclose((stamps - stamps[0]) * 1e-9, late, atol=1e-6)
    assert recording.notes == (
        "set: the timestamps of 1 episodes are not those of their frames (episode 1): there are as many, and they go "
        "together in their order",
    )


def test_frames_with_uneven_times_of_their_own_are_right(tmp_path):
    root = write_lerobot(tmp_path / "set", "v2.1", EPISODES[:1], ACTIONS[:1])
    ticks = [0, 1, 2, 4, 5, 6, 7, 8, 10, 11, 12, 13]
    write_video(root / f"videos/chunk-000/{KEY}/episode_000000.mp4", EPISODES[0], ticks=ticks)
    file = root / "data/chunk-000/episode_000000.parquet"
    rewrite(file, lambda table: table.update(timestamp=[tick / 10 for tick in ticks]))
    recording = load_recording(root, ARM)
    assert seen(recording) == acted(recording) == rows(12)
    assert recording.notes == ()


# Tables and videos that differ by a frame.


@pytest.mark.parametrize("version", BY_EPISODE)
@pytest.mark.parametrize("gone", [0, 3, 6])
def test_a_frame_less_costs_its_row_alone(tmp_path, version, gone):
    root = write_lerobot(tmp_path / "set", version, EPISODES, ACTIONS)
    kept = [frame for frame in range(7) if frame != gone]
    write_video(root / f"videos/chunk-000/{KEY}/episode_000001.mp4", EPISODES[1][kept], ticks=kept)
    recording = load_recording(root, ARM)
    assert seen(recording) == acted(recording) == [one for one in rows(*LENGTHS) if one != (1, gone)]
    assert "(episode 1: 6 and 7)" in recording.notes[0]
    assert "set: left out 1 rows without a picture that can be read" in recording.notes


@pytest.mark.parametrize("version", BY_EPISODE)
def test_a_frame_more_is_left_out(tmp_path, version):
    root = write_lerobot(tmp_path / "set", version, EPISODES, ACTIONS)
    write_video(root / f"videos/chunk-000/{KEY}/episode_000001.mp4", greys(8, first=60, height=64, width=64))
    recording = load_recording(root, ARM)
    assert seen(recording) == acted(recording) == rows(*LENGTHS)
    assert "(episode 1: 8 and 7)" in recording.notes[0]


def test_a_row_without_its_frame_does_not_take_one_of_the_next_episode(tmp_path):
    """In a joined file the frame a period after the last is there, and another episode's."""
    root = write_lerobot(tmp_path / "set", "v3.0", EPISODES, ACTIONS)
    frames = np.concatenate([EPISODES[0][:11], EPISODES[1], EPISODES[2]])
    write_video(root / f"videos/{KEY}/chunk-000/file-000.mp4", frames)

    def shorter(table):
        table[f"videos/{KEY}/from_timestamp"] = [0.0, 1.1, 1.8]
        table[f"videos/{KEY}/to_timestamp"] = [1.1, 1.8, 2.7]

    rewrite(root / "meta/episodes/chunk-000/file-000.parquet", shorter)
    recording = load_recording(root, ARM)
    assert seen(recording) == acted(recording) == [one for one in rows(*LENGTHS) if one != (0, 11)]
    assert (
        "set: file-000.mp4 has 27 frames, its episodes have 28: they are found by their times"
        in recording.notes
    )
    assert any("(episode 0: 11 and 12)" in note for note in recording.notes)


def test_rows_that_were_taken_out_of_a_table_leave_the_others_with_their_frames(tmp_path):
    root = write_lerobot(tmp_path / "set", "v3.0", EPISODES, ACTIONS)

    def without_row(table):
        for values in table.values():
            del values[4]

    rewrite(root / "data/chunk-000/file-000.parquet", without_row)
    recording = load_recording(root, ARM)
    assert seen(recording) == acted(recording) == [one for one in rows(*LENGTHS) if one != (0, 4)]


def test_a_start_time_a_little_off_beside_footage_of_deleted_episodes(tmp_path):
    """Frames cannot be counted; a start less than half a period from a frame is that frame's."""
    root = write_lerobot(tmp_path / "set", "v3.0", EPISODES, ACTIONS)

    def change(table):
        for values in table.values():
            values.pop(1)
        for key in ("from_timestamp", "to_timestamp"):
            table[f"videos/{KEY}/{key}"] = [time + 0.04 for time in table[f"videos/{KEY}/{key}"]]

    rewrite(root / "meta/episodes/chunk-000/file-000.parquet", change)
    recording = load_recording(root, ARM)
    assert seen(recording) == acted(recording) == [one for one in rows(*LENGTHS) if one[0] != 1]


def test_rows_far_from_any_frame_are_left_out(tmp_path):
    """Fewer frames than rows and times that fit none: nothing says which belong together."""
    root = write_lerobot(tmp_path / "set", "v2.1", EPISODES, ACTIONS)
    write_video(root / f"videos/chunk-000/{KEY}/episode_000001.mp4", EPISODES[1][:6])

    def shift(table):
        table["timestamp"] = [time + 0.05 for time in table["timestamp"]]

    rewrite(root / "data/chunk-000/episode_000001.parquet", shift)
    recording = load_recording(root, ARM)
    assert seen(recording) == acted(recording) == [one for one in rows(*LENGTHS) if one[0] != 1]
    assert "set: left out 7 rows without a picture that can be read" in recording.notes


# Values that mean nothing.


@pytest.mark.parametrize(
    ("column", "value", "said"),
    [
        ("timestamp", None, "column timestamp lacks 1 of its 28 values"),
        ("timestamp", float("nan"), "timestamp nan of row 5 is no time"),
        ("timestamp", 1e12, r"timestamp 1000000000000\.0 of row 5 is no time"),
        ("episode_index", None, "column episode_index lacks 1"),
        ("episode_index", float("inf"), "column episode_index holds double and not int64"),
        ("action", [1.0], "column action does not hold 2 numbers or more"),
        ("action", ["x", "y"], "column action does not hold 2 numbers or more"),
    ],
)
def test_a_column_that_does_not_hold_what_it_must_is_told(tmp_path, column, value, said):
    root = write_lerobot(tmp_path / "set", "v3.0", EPISODES, ACTIONS)
    file = root / "data/chunk-000/file-000.parquet"
    read = pq.read_table(file)
    values = read[column].to_pylist()
    values[5] = value
    if isinstance(value, list):
        values = [value] * len(values)
    elif isinstance(value, float):
        values = [float(one) for one in values]
    place = read.column_names.index(column)
    pq.write_table(read.set_column(place, column, pa.array(values)), file)
    with pytest.raises(RecordingError, match=said):
        load_recording(root, ARM)


@pytest.mark.parametrize(
    ("key", "value"), [("file_index", float("inf")), ("from_timestamp", float("nan")), ("chunk_index", "x")]
)
def test_a_place_in_a_video_that_is_none_is_told(tmp_path, key, value):
    root = write_lerobot(tmp_path / "set", "v3.0", EPISODES, ACTIONS)
    rewrite(
        root / "meta/episodes/chunk-000/file-000.parquet",
        lambda table: table.update({f"videos/{KEY}/{key}": [value] * 3}),
    )
    with pytest.raises(RecordingError, match=r"does not say where the pictures of .* are"):
        load_recording(root, ARM)


@pytest.mark.parametrize(
    "change", [{"fps": float("inf")}, {"features": {"action": 3}}, {"total_frames": None}]
)
def test_odd_metadata_end_in_no_traceback(tmp_path, change):
    root = write_lerobot(tmp_path / "set", "v3.0", EPISODES, ACTIONS, **change)
    if "total_frames" in change:
        assert len(load_recording(root, ARM).frames) == 28
    else:
        with pytest.raises(RecordingError, match=r"fps must be above 0|features must map"):
            load_recording(root, ARM)
