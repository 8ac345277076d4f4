"""Names and contents of the files of an evaluation."""

from __future__ import annotations

import hashlib
import json
import re
from pathlib import Path
from typing import Any


def slug(name: str) -> str:
    """A file name of any name: readable, and its own."""
    plain = re.sub(r"[^A-Za-z0-9.-]+", "_", name).strip("_.")
    if plain == name:
        return name
    return f"{plain[-40:]}-{hashlib.sha256(name.encode()).hexdigest()[:8]}"


def write_json(path: Path, content: Any) -> None:
    """Write a file that is never seen half-written."""
    partial = path.with_name(path.name + ".partial")
    partial.write_text(json.dumps(content, indent=1, allow_nan=False) + "\n", encoding="utf-8")
    partial.replace(path)


def read_json(path: Path) -> Any:
    """What `write_json` wrote."""
    return json.loads(path.read_text(encoding="utf-8"))
