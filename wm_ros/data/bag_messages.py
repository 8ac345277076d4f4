"""Messages of a rosbag2 recording, whatever its storage and however it ended."""

from __future__ import annotations

import itertools
from collections import Counter
from collections.abc import Callable, Collection, Iterator
from functools import partial
from pathlib import Path
from typing import IO, Any, NamedTuple, cast

import yaml
from mcap.exceptions import McapError
from mcap.records import Channel, Message, Schema
from mcap.stream_reader import StreamReader
from rosbags.highlevel import AnyReader, AnyReaderError
from rosbags.typesys import Stores, get_types_from_msg, get_typestore

from wm_ros.data.file_kinds import another_kind, is_whole
from wm_ros.data.recording import RecordingError

STORAGE_SUFFIXES = (".mcap", ".db3")
LATEST_NS = 2**63 - 1
_Raw = tuple[Any, int, bytes]  # connection, log_ns, data


class BagMessage(NamedTuple):
    """One recorded message; `log_ns` is when the recorder got it."""

    topic: str
    log_ns: int
    message: Any


class EncodedMessage(NamedTuple):
    """One recorded message as CDR bytes; `decode()` makes a message of them, until the iteration goes on."""

    topic: str
    log_ns: int
    data: bytes
    decode: Callable[[], Any]


class Bag:
    """One rosbag2 directory, or one .mcap or .db3 file.

    topics: message type by topic. counts: messages by topic, 0 where unknown. notes: what was salvaged or is
    missing, for people. Iterate with `messages(topics)` or, without decoding, with `encoded(topics)`, in order of
    log time.

    The storage files are read directly: through metadata.yaml rosbags silently yields nothing from a topic
    whose QoS there differs from the one in the storage. Only compressed bags need their metadata. An mcap
    without a footer (its recorder was killed, the disk was full) is read as far as it goes.
    """

    def __init__(self, path: str | Path) -> None:
        self.path = Path(path)
        self.notes: list[str] = []
        self._metadata = _metadata(self.path)
        self._files = _storage_files(self.path, self._metadata, self.notes)
        self._salvaged: dict[Path, dict[str, str]] = {}
        self._starts_ns: dict[Path, int] = {}
        self.topics: dict[str, str] = {}
        self.counts: Counter[str] = Counter()
        for file in self._files:
            self.topics.update(self._topics(file))
        # Names do not tell the order (`_10` comes before `_2`), and metadata of other writers may not either.
        self._files.sort(key=self._starts_ns.__getitem__)

    def messages(self, topics: Collection[str]) -> Iterator[BagMessage]:
        """The messages of these topics, decoded."""
        for message in self.encoded(topics):
            yield BagMessage(message.topic, message.log_ns, message.decode())

    def encoded(self, topics: Collection[str], since_ns: int = 0) -> Iterator[EncodedMessage]:
        """The messages of these topics that were logged at `since_ns` or later, as they were recorded."""
        missing = sorted(set(topics) - set(self.topics))
        if missing:
            raise RecordingError(
                f"{self.path} has no topic {', '.join(missing)}; it has {self.described_topics()}"
            )
        found = beyond = 0
        for file in self._files:
            cut = file in self._salvaged
            messages = _salvage(file, topics) if cut else _read(file, topics, since_ns, self.notes)
            for message in messages:
                if message.log_ns > LATEST_NS:
                    beyond += 1
                elif message.log_ns >= since_ns:
                    found += 1
                    yield message
        if beyond:
            self.notes.append(f"left out {beyond} messages logged after the year 2262: the file is damaged")
        if not since_ns:
            self._check_count(found + beyond, topics)

    def described_topics(self) -> str:
        """The topics there are, with their types, for an error message."""
        return ", ".join(f"{topic} ({kind})" for topic, kind in sorted(self.topics.items())) or "no topics"

    def _topics(self, file: Path) -> dict[str, str]:
        if file.is_file() and (reason := another_kind(file)):
            raise RecordingError(f"{file} {reason}")
        try:
            with _open(file) as reader:
                self._starts_ns[file] = reader.start_time
                for connection in reader.connections:
                    self.counts[connection.topic] += connection.msgcount
                return {connection.topic: connection.msgtype for connection in reader.connections}
        except Exception as error:  # every storage and compression has errors of its own
            if file.suffix != ".mcap":
                raise RecordingError(
                    f"{file} cannot be read: {error}. A truncated sqlite3 bag is lost, and so is one compressed file "
                    "by file; record to mcap (`--storage mcap`), which keeps what was written"
                ) from error
            reason = (
                f"cannot be read by its index ({error})"
                if is_whole(file)
                else "is cut off (its recorder was killed?)"
            )
        topics, count, self._starts_ns[file] = _survey(file)
        self._salvaged[file] = topics
        self.notes.append(f"{file.name} {reason}: salvaged {count} messages")
        return topics

    def _check_count(self, found: int, topics: Collection[str]) -> None:
        if self._metadata is None or self._salvaged:
            return
        expected = sum(
            entry["message_count"]
            for entry in self._metadata["topics_with_message_count"]
            if entry["topic_metadata"]["name"] in topics
        )
        if found != expected:
            self.notes.append(f"metadata.yaml promises {expected} messages on these topics, found {found}")


def _metadata(path: Path) -> dict[str, Any] | None:
    file = path / "metadata.yaml"
    if not file.is_file():
        return None
    try:
        return yaml.safe_load(file.read_text(encoding="utf-8"))["rosbag2_bagfile_information"]
    except (yaml.YAMLError, KeyError, TypeError, UnicodeDecodeError) as error:
        raise RecordingError(
            f"{file} is no rosbag2 metadata: {error}; `ros2 bag reindex` makes a new one"
        ) from error


def _storage_files(path: Path, metadata: dict[str, Any] | None, notes: list[str]) -> list[Path]:
    if not path.exists():
        raise RecordingError(f"no recording at {path}")
    if path.is_file():
        if path.suffix not in STORAGE_SUFFIXES:
            raise RecordingError(f"{path} is no recording: give a rosbag2 folder, an .mcap or a .db3 file")
        return [path]
    if metadata is not None:
        files = [path / Path(name).name for name in metadata["relative_file_paths"]]
        missing = [file.name for file in files if not file.is_file()]
        if metadata.get("compression_mode"):
            if missing:
                raise RecordingError(
                    f"{path} lacks the files {', '.join(missing)} that its metadata.yaml names: if they were renamed, "
                    "name them so again, since compressed bags are read by their metadata"
                )
            return [path]  # rosbags must decompress, which only its reader of whole folders does
        beside = [file for file in sorted(path.iterdir()) if file.suffix in STORAGE_SUFFIXES]
        if missing and len(files) == len(beside) == 1:
            notes.append(
                f"metadata.yaml names {missing[0]}; {beside[0].name} lies beside it and is read instead"
            )
            return beside
        if missing:
            raise RecordingError(f"{path} lacks the files {', '.join(missing)} that its metadata.yaml names")
        return files
    files = sorted(file for file in path.iterdir() if file.suffix in STORAGE_SUFFIXES)
    if not files:
        raise RecordingError(
            f"{path} has neither metadata.yaml nor .mcap or .db3 files: not a rosbag2 recording"
        )
    return files


def _open(file: Path) -> AnyReader:
    # Humble's sqlite3 bags hold no message definitions; those of Jazzy serve for the standard types.
    return AnyReader([file], default_typestore=get_typestore(Stores.ROS2_JAZZY))


def _read(file: Path, topics: Collection[str], since_ns: int, notes: list[str]) -> Iterator[EncodedMessage]:
    with _open(file) as reader:
        connections = [connection for connection in reader.connections if connection.topic in topics]
        if not connections:
            return
        stored = reader.messages(connections, start=since_ns or None)
        for connection, log_ns, data in _until_damaged(stored, file, notes):
            decode = partial(_decode, reader, file, connection, data)
            yield EncodedMessage(connection.topic, log_ns, data, decode)


def _decode(reader: AnyReader, file: Path, connection: Any, data: bytes) -> Any:
    try:
        return reader.deserialize(data, connection.msgtype)
    except AnyReaderError as error:
        raise RecordingError(f"{file}: a message on {connection.topic} is damaged: {error}") from error


def _until_damaged(messages: Iterator[_Raw], file: Path, notes: list[str]) -> Iterator[_Raw]:
    for count in itertools.count():
        try:
            message = next(messages, None)
        except Exception as error:  # every storage and compression has errors of its own
            notes.append(
                f"{file.name} is damaged after {count} messages, and the rest of it is lost: {error}"
            )
            return
        if message is None:
            return
        yield message


def _survey(file: Path) -> tuple[dict[str, str], int, int]:
    """Topics with their types, number of messages, and time of the first one, of a cut mcap."""
    topics, count, schemas, start_ns = {}, 0, {}, LATEST_NS
    for record in _records(file):
        if isinstance(record, Schema):
            schemas[record.id] = record.name
        elif isinstance(record, Channel):
            topics[record.topic] = schemas[record.schema_id]
        elif isinstance(record, Message):
            count += 1
            start_ns = min(start_ns, record.log_time)
    return topics, count, start_ns


def _salvage(file: Path, topics: Collection[str]) -> Iterator[EncodedMessage]:
    store = get_typestore(Stores.EMPTY)
    schemas: dict[int, str] = {}
    channels: dict[int, tuple[str, str]] = {}
    for record in _records(file):
        if isinstance(record, Schema):
            if record.encoding != "ros2msg":
                raise RecordingError(
                    f"{file}: a cut file with {record.encoding} definitions cannot be salvaged"
                )
            if record.name not in schemas.values():
                store.register(get_types_from_msg(record.data.decode(), record.name))
            schemas[record.id] = record.name
        elif isinstance(record, Channel) and record.topic in topics:
            channels[record.id] = record.topic, schemas[record.schema_id]
        elif isinstance(record, Message) and record.channel_id in channels:
            topic, kind = channels[record.channel_id]
            decode = partial(store.deserialize_cdr, record.data, kind)
            yield EncodedMessage(topic, record.log_time, record.data, decode)


def _records(file: Path) -> Iterator[Any]:
    with file.open("rb") as stream:
        try:
            yield from StreamReader(cast(IO[bytes], _WholeReads(stream))).records
        except (McapError, EOFError):  # the end of what was written
            return


class _WholeReads:
    """A stream that never gives a part of a record: mcap's reader would take it for the whole."""

    def __init__(self, stream: IO[bytes]) -> None:
        self._stream = stream

    def read(self, length: int) -> bytes:
        data = self._stream.read(length)
        if len(data) < length:
            raise EOFError
        return data
