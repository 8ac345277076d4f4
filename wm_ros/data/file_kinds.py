"""Recognises files that are named like a bag's storage and hold something else."""

from __future__ import annotations

from pathlib import Path

from mcap.exceptions import McapError
from mcap.records import Header
from mcap.stream_reader import StreamReader

MCAP_MAGIC, SQLITE_MAGIC, ROS1_MAGIC = b"\x89MCAP0\r\n", b"SQLite format 3\0", b"#ROSBAG"
OTHERS = {
    MCAP_MAGIC: "an MCAP file: name it .mcap",
    SQLITE_MAGIC: "an SQLite file: name it .db3",
    ROS1_MAGIC: "a ROS 1 bag: convert it with `rosbags-convert --src FILE --dst FOLDER`",
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
    with file.open("rb") as stream:
        head = stream.read(16)
    if own.startswith(head[: len(own)]):
        return _other_profile(file) if own is MCAP_MAGIC else ""
    for magic, what in OTHERS.items():
        if head.startswith(magic):
            return f"is {what}"
    what = "text" if head.isascii() and head.decode("ascii").isprintable() else "another kind of file"
    return f"is no {file.suffix} file: its content is {what}"


def _other_profile(file: Path) -> str:
    """Why the messages of an MCAP file are not those of ROS 2."""
    with file.open("rb") as stream:
        try:
            header = next(iter(StreamReader(stream).records), None)
        except (McapError, EOFError):
            return ""
    if isinstance(header, Header) and header.profile == "ros1":
        return (
            "is an MCAP file of ROS 1 (profile ros1): convert it with `rosbags-convert --src FILE --dst FOLDER`, or "
            "record with ROS 2"
        )
    return ""
