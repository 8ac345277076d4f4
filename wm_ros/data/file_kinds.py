"""Recognises files that are named like recorded data and hold something else."""

from __future__ import annotations

from pathlib import Path

from mcap.exceptions import McapError
from mcap.records import Channel, Header
from mcap.stream_reader import StreamReader

MCAP_MAGIC, SQLITE_MAGIC = b"\x89MCAP0\r\n", b"SQLite format 3\0"
HEAD = 512  # bytes that tell the kind
SHOWN = 40  # characters of a text
CONVERT = "convert it with `rosbags-convert --src FILE --dst FOLDER`"
OTHERS = {
    MCAP_MAGIC: "an MCAP file: name it .mcap",
    SQLITE_MAGIC: "an SQLite file: name it .db3",
    b"#ROSBAG": f"a ROS 1 bag: {CONVERT}",
    b"version https://git-lfs": "a Git LFS pointer, not the data: fetch that with `git lfs pull`",
    b"\x28\xb5\x2f\xfd": "compressed with zstd: decompress it, or give the bag's folder with its metadata.yaml",
    b"\x04\x22\x4d\x18": "compressed with lz4: decompress it, or give the bag's folder with its metadata.yaml",
    b"\x1f\x8b": "compressed with gzip: decompress it",
    b"PK\x03\x04": "a zip archive: unpack it",
}


def another_kind(file: Path) -> str:
    """What an .mcap or .db3 file really is, as the end of a sentence; empty when it is what its name says.

    A file cut within its magic bytes counts as what its name says.
    """
    own = MCAP_MAGIC if file.suffix == ".mcap" else SQLITE_MAGIC
    head = _head(file)
    if own.startswith(head[: len(own)]):
        return _other_messages(file) if own is MCAP_MAGIC else ""
    return well_known(file) or f"is no {file.suffix} file: its content is {_content(head)}"


def well_known(file: Path) -> str:
    """What a file is by how it begins, with what to do, as the end of a sentence; empty when that is not known."""
    head = _head(file) if file.is_file() else b""
    return next((f"is {what}" for magic, what in OTHERS.items() if head.startswith(magic)), "")


def is_whole(file: Path) -> bool:
    """Whether an .mcap file ends as one that was closed in order."""
    with file.open("rb") as stream:
        size = stream.seek(0, 2)
        stream.seek(max(size - len(MCAP_MAGIC), 0))
        return size > len(MCAP_MAGIC) and stream.read() == MCAP_MAGIC


def _head(file: Path) -> bytes:
    with file.open("rb") as stream:
        return stream.read(HEAD)


def _content(head: bytes) -> str:
    if not head.strip(b"\0"):
        return "zeros (a disk that was full or lost its power, or a copy that was not finished)"
    text = head.decode("utf-8", errors="ignore")
    whole = len(text.encode()) > len(head) - 4  # the last character may be cut
    if whole and "".join(text.split()).isprintable():
        return f"text that begins with {text.strip()[:SHOWN]!r}"
    return "of another kind"


def _other_messages(file: Path) -> str:
    """Why the messages of an MCAP file are not those of ROS 2."""
    with file.open("rb") as stream:
        try:
            for record in StreamReader(stream).records:
                if isinstance(record, Header) and record.profile == "ros2":
                    return ""
                if isinstance(record, Header) and record.profile == "ros1":
                    return f"is an MCAP file of ROS 1 (profile ros1): {CONVERT}, or record with ROS 2"
                if isinstance(record, Channel) and record.message_encoding != "cdr":
                    return (
                        f"is an MCAP file of {record.message_encoding or 'unnamed'} messages: only those of ROS 2 "
                        "(cdr) are read"
                    )
                if isinstance(record, Channel):
                    return ""
        except (McapError, EOFError):
            pass  # a cut file, of which nothing is known
    return ""
