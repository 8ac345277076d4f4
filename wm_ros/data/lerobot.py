"""LeRobot datasets as sources of a recording: pictures from videos or tables, actions as commands."""

from __future__ import annotations

import itertools
from collections.abc import Iterator
from pathlib import Path
from typing import NamedTuple

import numpy as np

from wm_ros.data import lerobot_tables as tables
from wm_ros.data.action_rows import ActionRows
from wm_ros.data.collector import Collector
from wm_ros.data.lerobot_poses import pose_of
from wm_ros.data.lerobot_set import LeRobotSet
from wm_ros.data.lerobot_video import Reel
from wm_ros.data.recording import RecordingError, Topics
from wm_ros.data.videos import open_video
from wm_ros.messages.views import joined, split
from wm_ros.robots.profile import RobotProfile


class _Episode(NamedTuple):
    """Rows of one episode: times [R] in s, their numbers [R] in the episode, actions [R, A] in the profile's order.

    restarts: rows where time begins anew.
    """

    number: int
    times_s: np.ndarray
    rows: np.ndarray
    restarts: np.ndarray
    actions: np.ndarray | None


class LeRobotSource:
    """One LeRobot dataset folder. The action of a row is held from its timestamp to that of the next row.

    Where it is a target, or actions are read from states, it is the rate from this row's to the next one's.
    """

    def __init__(self, root: Path, profile: RobotProfile, camera: str | None = None) -> None:
        self._set, self._profile = LeRobotSet(root, profile, camera), profile
        self._footage = [self._set.footage(camera) for camera in self._set.cameras]
        promised = self._set.info.get("total_frames")
        self.frame_count = promised if isinstance(promised, int) and promised > 0 else 0

    def sizes(self) -> set[tuple[int, int]]:
        """Height and width of the first episode's pictures; one set has one camera mode."""
        if not self._set.in_video:
            picture = next(self._images(self._set.data_files()[0]), None)
            if picture is None:
                return set()
            views = split(picture, len(self._set.cameras))
            return {(views[0].shape[0], views[0].shape[1])}
        found = []
        for footage in self._footage:
            there = (place.video for place in footage.values() if place.video and place.video.is_file())
            found += [(v.height, v.width) for v in map(open_video, itertools.islice(there, 1))]
        side = min(map(min, found), default=0)
        return set(found) if len(self._footage) == 1 or not found else {(side, side)}

    def read(self, collector: Collector) -> None:
        """Hand all episodes over; raises RecordingError when tables or videos are broken."""
        name, kind = self._set.root.resolve().name, f"LeRobot {self._set.version} set"
        labelled = self._set.columns is not None
        topics = Topics(", ".join(self._set.cameras), self._set.actions if labelled else None)
        reels = [Reel(footage, 1.0 / self._set.fps, collector) for footage in self._footage]
        actions = ActionRows(self._profile, collector, self._set.fps)
        unknown: list[int] = []
        unseen: list[Path] = []
        episodes = frames = 0
        for episode, images in self._rows():
            places = [footage.get(episode.number) for footage in self._footage]
            videos = [place.video for place in places if place is not None]
            lacking = [video for video in videos if video is not None and not video.is_file()]
            if len(videos) < len(places) or lacking:
                # Its pictures must be passed over in the table, where they are there.
                for _ in itertools.islice(images, len(episode.times_s)):
                    pass
                if lacking:
                    unseen.append(lacking[0])
                else:
                    unknown.append(episode.number)
                continue
            with collector.source(name, kind, labelled, topics):
                if episode.actions is not None:
                    actions.add(episode.times_s, episode.actions)
                taken = images
                if self._set.in_video:
                    taken = _side_by_side(
                        [reel.show(episode.number, episode.times_s, episode.rows) for reel in reels]
                    )
                for row, (time_s, picture) in enumerate(zip(episode.times_s, taken, strict=False)):
                    if row in episode.restarts:
                        collector.cut()
                    if picture is None:
                        collector.lose("rows without a picture that can be read")
                    else:
                        collector.frame(round(time_s * 1e9), picture, self._place(episode.actions, row))
                if len(episode.restarts):
                    collector.note(
                        f"timestamps of episode {episode.number} begin anew {len(episode.restarts)} times: each time "
                        "an episode of its own, dated by the rate of the set"
                    )
            episodes, frames = episodes + 1, frames + len(episode.times_s)
        missing = _missing(unknown, unseen)
        if not episodes:
            raise RecordingError(
                f"{self._set.root} has no episode to read: {'; '.join(missing) or 'its tables are empty'}"
            )
        actions.check()
        of_videos = dict.fromkeys(note for reel in reels for note in reel.notes())
        for text in (*self._set.notes, *missing, *of_videos, *self._promised(episodes, frames)):
            collector.note(text)

    def _place(self, actions: np.ndarray | None, row: int) -> np.ndarray | None:
        """Where the robot was measured to be in a row; None where the set tells no poses."""
        measured = self._profile.actions_from == "states" and self._profile.places_are_poses
        return pose_of(actions[row]) if measured and actions is not None else None

    def _promised(self, episodes: int, frames: int) -> Iterator[str]:
        """What info.json promises and was not read."""
        for what, count in (("episodes", episodes), ("frames", frames)):
            promised = self._set.info.get(f"total_{what}", count)
            if count != promised:
                yield f"info.json promises {promised} {what}, found {count}"

    def _rows(self) -> Iterator[tuple[_Episode, Iterator[np.ndarray | None]]]:
        """Episodes with their pictures out of the tables, which must be taken one after the other."""
        columns, name = self._set.columns, self._set.actions
        wanted = {"episode_index", "timestamp"} | (set() if columns is None else {name})
        for file in self._set.data_files():
            table = tables.read_table(file, wanted, if_there=frozenset({"frame_index"}))
            numbers = tables.whole_numbers(file, table, "episode_index")
            times_s = tables.times(file, table)
            actions = None if columns is None else tables.vectors(file, table, name, columns)
            images = iter(()) if self._set.in_video else self._images(file)
            edges = (
                [0, *(np.flatnonzero(np.diff(numbers)) + 1).tolist(), len(numbers)] if len(numbers) else []
            )
            for start, stop in itertools.pairwise(edges):
                part = slice(start, stop)
                labels = None if actions is None else actions[part]
                even_s, restarts = _continued(times_s[part], 1.0 / self._set.fps)
                rows = tables.row_numbers(file, table, part)
                yield _Episode(int(numbers[start]), even_s, rows, restarts, labels), images

    def _images(self, file: Path) -> Iterator[np.ndarray | None]:
        return _side_by_side([tables.images(self._set.root, file, camera) for camera in self._set.cameras])


def _side_by_side(cameras: list[Iterator[np.ndarray | None]]) -> Iterator[np.ndarray | None]:
    """The pictures of all cameras row by row, None where one of them has none."""
    for pictures in zip(*cameras, strict=True):
        there = [picture for picture in pictures if picture is not None]
        yield joined(there) if len(there) == len(cameras) else None


def _missing(unknown: list[int], unseen: list[Path]) -> list[str]:
    """What to say of episodes that are left out."""
    said = []
    if unknown:
        said.append(f"left out {len(unknown)} episodes that meta/ does not know, the first is {unknown[0]}")
    if unseen:
        said.append(
            f"left out {len(unseen)} episodes: there is no {unseen[0]}: was the set downloaded whole?"
        )
    return said


def _continued(times_s: np.ndarray, period_s: float) -> tuple[np.ndarray, np.ndarray]:
    """Times [R] that go on a period later wherever they went back, as the video does, and the rows where they did."""
    restarts = np.flatnonzero(np.diff(times_s) < 0.0) + 1
    times_s = times_s.copy()
    for row in restarts:
        times_s[row:] += times_s[row - 1] + period_s - times_s[row]
    return times_s, restarts
