"""The streams of several cameras as one: sets of frames of one moment, and why none come."""

from __future__ import annotations

import time
from collections import Counter
from collections.abc import Callable, Sequence
from functools import partial
from typing import Any

from std_msgs.msg import Header

from wm_ros.messages.frame_sets import FrameSets
from wm_ros.messages.stamp import fill_stamp, to_ns
from wm_ros.ros.diagnostics import Level
from wm_ros.ros.lifecycle import ManagedNode
from wm_ros.ros.rate import Rate
from wm_ros.ros.stream import Stream

PAIRING = "camera frames"  # the fault


class ImageSet:
    """The messages of all cameras at one moment; the header is that of the oldest, since it counts how old that is."""

    def __init__(self, header: Header, messages: tuple[Any, ...]) -> None:
        self.header, self.messages = header, messages


# Makes the stream of the camera of this number, as `Stream` takes them: on_message, on_restart.
MakeStream = Callable[[int, Callable[[Any], None], Callable[[], None]], Stream]


class StreamSet:
    """As a stream, of the streams of all cameras: hands on an `ImageSet` as `FrameSets` completes it.

    Each stream refuses frames on its own (old, frozen, unstamped) and has a fault of its own; whatever ends one, ends
    the sets. Where all of them go on and their stamps do not meet, that is a fault, too.

    cameras: their names. tolerance_s: the most by which stamps of a set differ. timeout_s: of silence.
    """

    def __init__(
        self,
        node: ManagedNode,
        cameras: Sequence[str],
        make_stream: MakeStream,
        on_set: Callable[[ImageSet], None],
        on_restart: Callable[[], None],
        *,
        tolerance_s: float,
        timeout_s: float,
    ) -> None:
        self._node, self._cameras, self._on_set, self._on_restarted = node, cameras, on_set, on_restart
        self._tolerance_s, self._timeout_s = tolerance_s, timeout_s
        self._sets = FrameSets(len(cameras), tolerance_s)
        self._newest: ImageSet | None = None
        self._complete_s = time.monotonic()
        self._apart_s = float("inf")  # the least since the last set
        self.rate = Rate()
        self._streams = [
            make_stream(number, partial(self._on_message, number), self._on_restart)
            for number in range(len(cameras))
        ]
        self.topic = ", ".join(stream.topic for stream in self._streams)
        topics = [stream.topic for stream in self._streams]
        if len(set(topics)) < len(topics):
            self.close()
            raise ValueError(
                f"cameras {', '.join(cameras)} are on the topics {self.topic}: one camera seen twice would hide that "
                "the other is dead; remap them to topics of their own"
            )

    @property
    def newest(self) -> ImageSet | None:
        """The last set, while all cameras go on."""
        return None if any(stream.newest is None for stream in self._streams) else self._newest

    @property
    def received(self) -> int:
        """Messages of each camera; of the one that has had the fewest."""
        return min(stream.received for stream in self._streams)

    @property
    def dropped(self) -> Counter[str]:
        """Messages by reason, and frames that were in no set."""
        total: Counter[str] = Counter()
        for stream in self._streams:
            total.update(stream.dropped)
        unpaired = sum(self._sets.unused.values())
        return total + Counter({"without_partner": unpaired}) if unpaired else total

    def check(self) -> None:
        """Raise the streams' faults, and that of frames that do not meet."""
        for stream in self._streams:
            stream.check()
        if time.monotonic() - self._complete_s <= self._timeout_s:
            return
        self._newest = None
        if all(stream.newest is not None for stream in self._streams) and self._apart_s < float("inf"):
            self._node.faults.set(
                PAIRING,
                Level.ERROR,
                f"frames of {', '.join(self._cameras)} are stamped {self._apart_s:.3f} s apart or more, the limit is "
                f"{self._tolerance_s:g} s: synchronise the cameras' clocks, or raise model.frame_tolerance_s in the "
                "profile",
            )

    def close(self) -> None:
        for stream in self._streams:
            stream.close()

    def _on_message(self, camera: int, message: Any) -> None:
        found = self._sets.add(camera, to_ns(message.header.stamp), message)
        if found is None:
            self._apart_s = min(self._sets.apart_ns * 1e-9 or float("inf"), self._apart_s)
            return
        self._apart_s, self._complete_s = float("inf"), time.monotonic()
        header = Header(frame_id=message.header.frame_id)
        fill_stamp(header.stamp, found.oldest_ns)
        self._newest = ImageSet(header, found.frames)
        self.rate.add()
        self._node.faults.clear(PAIRING)
        self._on_set(self._newest)

    def _on_restart(self) -> None:
        self._sets.reset()
        self._on_restarted()
