"""Published weights on this machine: where they are, what is in them, and under which licence."""

from __future__ import annotations

import hashlib
import json
import re
from collections.abc import Mapping
from pathlib import Path
from pickle import UnpicklingError  # an error, which reads nothing
from typing import Any

import torch
from safetensors import SafetensorError, safe_open
from torch import Tensor

from wm_ros.models.card import CheckpointError

HUB = "https://dl.fbaipublicfiles.com/vjepa2"
HUB_FILES = ("vitl.pt", "vith.pt", "vitg.pt", "vitg-384.pt", "vjepa2-ac-vitg.pt")
WEIGHT_FILES = ("*.safetensors", "*.bin")


def find_source(source: str) -> Path:
    """The file or folder a user means: a path, or the name of a repository that the Hugging Face cache holds.

    Nothing is downloaded: CheckpointError names the command that does it where there is a network.
    """
    path = Path(source).expanduser()
    if path.exists():
        return path
    if path.name in HUB_FILES:
        raise CheckpointError(
            f"{source} does not exist; where there is a network: curl -LO {HUB}/{path.name}, then give its path"
        )
    if not re.fullmatch(r"[\w.-]+/[\w.-]+", source):
        raise CheckpointError(
            f"{source} does not exist; give a .pt file ({', '.join(HUB_FILES)}), a folder with config.json, the name "
            "of a repository in the Hugging Face cache, or `pixels` or `random`"
        )
    try:
        from huggingface_hub import snapshot_download
        from huggingface_hub.errors import LocalEntryNotFoundError
    except ModuleNotFoundError:
        raise CheckpointError(f"{source}: {_fetch(source)} (pip install huggingface_hub)") from None
    try:
        return Path(snapshot_download(source, local_files_only=True))
    except LocalEntryNotFoundError:
        raise CheckpointError(
            f"{source} is neither a path nor in the Hugging Face cache; {_fetch(source)}"
        ) from None


def read_torch(path: Path) -> Any:
    """What a file of torch.save holds, tensors and plain data alone; CheckpointError for anything else."""
    try:
        return torch.load(path, map_location="cpu", weights_only=True, mmap=True)
    except (UnpicklingError, RuntimeError, EOFError, ValueError, OSError) as error:
        reason = str(error).partition("\n")[0]
        raise CheckpointError(
            f"{path} is damaged or no file of weights alone; nothing else in it is run or read: {reason}"
        ) from error


def read_safetensors(folder: Path) -> dict[str, Tensor]:
    """All weights of a Hugging Face folder by their names, mapped; CheckpointError when a file is damaged."""
    weights: dict[str, Tensor] = {}
    for path in require_whole(folder):
        with safe_open(path, "pt") as file:
            weights.update({name: file.get_tensor(name) for name in file.keys()})  # noqa: SIM118
    return weights


def require_whole(folder: Path) -> list[Path]:
    """The safetensors files of a folder, each with a whole header and as long as that says."""
    paths = sorted(folder.glob("*.safetensors"))
    if not paths:
        pickles = [path.name for path in sorted(folder.glob("*.bin"))]
        found = f"{pickles}, which are pickles" if pickles else "none"
        raise CheckpointError(
            f"{folder}: expected weights in a .safetensors file, found {found}; fetch the folder anew with "
            "`hf download REPOSITORY --local-dir FOLDER`"
        )
    for path in paths:
        try:
            with safe_open(path, "pt"):
                pass
        except (SafetensorError, OSError) as error:
            raise CheckpointError(f"{path} is damaged or no safetensors file: {error}") from error
    return paths


def read_settings(folder: Path, *names: str) -> dict[str, Any]:
    """The first of these JSON files that the folder has; CheckpointError when it has none, or a damaged one."""
    for name in names:
        try:
            data = json.loads((folder / name).read_text(encoding="utf-8"))
        except FileNotFoundError:
            continue
        except (OSError, ValueError, RecursionError) as error:
            raise CheckpointError(f"{folder / name} cannot be read as JSON: {error}") from error
        if not isinstance(data, dict):
            raise CheckpointError(f"{folder / name} must hold a JSON object, got {type(data).__name__}")
        return data
    found = sorted(path.name for path in folder.iterdir()) if folder.is_dir() else []
    raise CheckpointError(f"{folder}: expected {' or '.join(names)}, found {found[:8]}")


def licence_of(path: Path, given: str | None, non_commercial: bool) -> str:
    """The licence of what is at `path`: as given, as the folder's README.md says, or as published for hub files.

    Raises CheckpointError when nobody says, and for a non-commercial one without consent.
    """
    licence = given or _licence_in(path)
    if licence is None:
        raise CheckpointError(f"{path} does not say its licence: look it up and give it with --licence")
    if re.search(r"\bnc\b|non-?commercial", licence, re.IGNORECASE) and not non_commercial:
        raise CheckpointError(
            f"the licence of {path} is {licence}: --non-commercial says that you will keep to it; it goes into the "
            "card of everything made with these weights"
        )
    return licence


def digest(path: Path) -> str:
    """SHA-256 of a file, or of all weight files of a folder in the order of their names."""
    paths = [path]
    if path.is_dir():
        paths = sorted(file for pattern in WEIGHT_FILES for file in path.glob(pattern))
    total = hashlib.sha256()
    for file in paths:
        with open(file, "rb") as stream:
            while block := stream.read(1 << 22):
                total.update(block)
    return total.hexdigest()


def require_tensors(path: Path, data: Any, key: str) -> Mapping[str, Tensor]:
    """The entry `key` of a file of torch.save, which must be weights by their names."""
    found = data.get(key) if isinstance(data, dict) else None
    if not isinstance(found, dict) or not all(isinstance(value, Tensor) for value in found.values()):
        entries = sorted(map(str, data))[:6] if isinstance(data, dict) else type(data).__name__
        raise CheckpointError(f"{path}: expected weights under {key!r}, found {entries}")
    return found


def _licence_in(path: Path) -> str | None:
    if path.name in HUB_FILES:
        return "MIT"
    readme = path / "README.md"
    if not readme.is_file():
        return None
    head = readme.read_text(encoding="utf-8", errors="replace").split("---")[1:2]
    said = dict(re.findall(r"^(license|license_name):\s*(\S+)\s*$", head[0], re.MULTILINE)) if head else {}
    return said.get("license_name") or said.get("license")


def _fetch(repository: str) -> str:
    folder = repository.rpartition("/")[2]
    return f"where there is a network: hf download {repository} --local-dir {folder}, then give that folder"
