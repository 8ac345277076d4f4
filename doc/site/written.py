"""The pages of the documentation that nobody writes: one a node, one a room of the library."""

from __future__ import annotations

import pkgutil
from pathlib import Path

import wm_ros

# The rooms without ROS: a library to import.
ROOMS = (
    "messages",
    "robots",
    "safety",
    "data",
    "models",
    "planning",
    "stages",
    "training",
    "evaluation",
    "tasks",
)


def write_pages(folder: Path) -> None:
    """Write all pages into folders `nodes` and `library`; those of nodes and modules that are gone are removed."""
    from node_pages import node_pages

    pages = {f"nodes/{name}.md": text for name, text in node_pages().items()}
    pages |= {f"library/{room}.rst": room_page(room) for room in ROOMS}
    for path in folder.glob("*/*"):
        if str(path.relative_to(folder)) not in pages:
            path.unlink()
    for name, text in pages.items():
        path = folder / name
        path.parent.mkdir(parents=True, exist_ok=True)
        # Sphinx builds anew what has a new date.
        if not path.is_file() or path.read_text(encoding="utf-8") != text:
            path.write_text(text, encoding="utf-8")


def room_page(room: str) -> str:
    """What Sphinx's autodoc makes the page of a room from: its docstring, then every module."""
    package = f"wm_ros.{room}"
    folders = [f"{folder}/{room}" for folder in wm_ros.__path__]
    modules = [info.name for info in pkgutil.walk_packages(folders, f"{package}.")]
    parts = [f"{package}\n{'=' * len(package)}\n\n.. automodule:: {package}\n"]
    for name in modules:
        short = name.removeprefix("wm_ros.")
        parts.append(f"{short}\n{'-' * len(short)}\n\n.. automodule:: {name}\n")
    return "\n".join(parts)
