"""Meshes of CAD models made so coarse that a small camera can cast rays at them many times a second."""

from __future__ import annotations

from pathlib import Path

import numpy as np

_HEADER_BYTES = 84
_TRIANGLE = np.dtype([("normal", "<3f4"), ("corners", "<f4", (3, 3)), ("attribute", "<u2")])


def read_stl(path: Path) -> np.ndarray:
    """Corners [F, 3, 3] float64 of the triangles of a binary STL file."""
    return np.frombuffer(path.read_bytes()[_HEADER_BYTES:], dtype=_TRIANGLE)["corners"].astype(np.float64)


def thin(corners: np.ndarray, cell: float) -> tuple[np.ndarray, np.ndarray]:
    """Vertices [V, 3] and faces [F', 3] of triangles [F, 3, 3] whose corners within a cube of side `cell` are one.

    That one is their mean. Faces that became edges or points are gone, and so is one of two that became the same.
    Details smaller than a cell go; unlike collapsing edges one by one, this stops at no hole and no seam of the CAD.
    """
    points = corners.reshape(-1, 3)
    place = np.floor(points / cell).astype(np.int64)
    place -= place.min(axis=0)
    _, vertex = np.unique(np.ravel_multi_index(tuple(place.T), place.max(axis=0) + 1), return_inverse=True)
    vertices = np.stack([np.bincount(vertex, axis) / np.bincount(vertex) for axis in points.T], axis=1)
    faces = vertex.reshape(-1, 3)
    ordered = np.sort(faces, axis=1)
    number = np.ravel_multi_index(tuple(ordered.T), (len(vertices),) * 3)
    flat = (np.diff(ordered, axis=1) == 0).any(axis=1)
    _, first = np.unique(np.where(flat, -1, number), return_index=True)
    return vertices, faces[np.sort(first[~flat[first]])]
