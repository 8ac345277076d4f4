"""Names of the components of a LeRobot feature, in the ways that its datasets write them."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any


def component_names(feature: dict[str, Any]) -> list[str]:
    """Names of a feature's components in order of their places; empty unless there is one for each.

    They are a list, lists within lists, lists under headings such as `motors`, or mapped to their places.
    """
    names = _flat(feature.get("names"))
    return names if [len(names)] == list(feature["shape"]) else []


def places_of(wanted: Sequence[str], names: Sequence[str]) -> list[int] | None:
    """The place in `names` of each component; `shoulder` is also found as `shoulder.pos`. None unless all are there.

    A name as it is goes before one with an ending, and endings count only where all components have them.
    """
    for known in (list(names), [name.rpartition(".")[0] or name for name in names]):
        if all(known.count(name) == 1 for name in wanted):
            return [known.index(name) for name in wanted]
    return None


def _flat(names: Any) -> list[str]:
    if isinstance(names, dict):
        if all(isinstance(place, int) for place in names.values()):
            return sorted(names, key=lambda name: names[name])
        return [name for entry in names.values() for name in _flat(entry)]
    if isinstance(names, (list, tuple)):
        return [name for entry in names for name in _flat(entry)]
    return [] if names is None else [str(names)]
