"""Coarse meshes: what is read is what was written, near corners become one, and no face is flat or there twice."""

import numpy as np
import pytest

from wm_ros.tasks.thin_mesh import read_stl, thin


def ball(rings=40):
    """Triangles [F, 3, 3] of a unit sphere, two to a patch of longitude and latitude."""
    latitude, longitude = np.meshgrid(
        np.linspace(0, np.pi, rings), np.linspace(0, 2 * np.pi, rings), indexing="ij"
    )
    points = np.stack(
        [np.sin(latitude) * np.cos(longitude), np.sin(latitude) * np.sin(longitude), np.cos(latitude)],
        axis=-1,
    )
    a, b, c, d = points[:-1, :-1], points[1:, :-1], points[1:, 1:], points[:-1, 1:]
    return np.concatenate([np.stack(corners, axis=2).reshape(-1, 3, 3) for corners in ((a, b, c), (a, c, d))])


def rounded(corners):
    """The triangles as a set; adding zero makes -0.0 one with 0.0."""
    return {tuple(triangle.ravel().round(6) + 0.0) for triangle in corners}


def test_a_binary_stl_is_read(tmp_path):
    triangles = np.zeros(3, dtype=[("normal", "<3f4"), ("corners", "<f4", (3, 3)), ("attribute", "<u2")])
    triangles["corners"] = np.random.default_rng(0).normal(size=(3, 3, 3))
    path = tmp_path / "part.stl"
    path.write_bytes(bytes(80) + np.uint32(3).tobytes() + triangles.tobytes())
    np.testing.assert_array_equal(read_stl(path), triangles["corners"])


def test_a_thinned_ball_is_a_ball_of_fewer_faces():
    corners = ball()
    vertices, faces = thin(corners, 0.3)
    assert len(faces) < len(corners) / 5
    assert np.linalg.norm(vertices, axis=1) == pytest.approx(1.0, abs=0.1)
    ordered = np.sort(faces, axis=1)
    assert (np.diff(ordered, axis=1) > 0).all()
    assert len(np.unique(ordered, axis=0)) == len(faces)
    assert set(np.unique(faces)) <= set(range(len(vertices)))
    a, b, c = vertices[faces].transpose(1, 0, 2)
    outward = np.einsum("fi,fi->f", np.cross(b - a, c - a), a + b + c)
    assert (outward > 0).mean() > 0.95  # the faces look to the side they looked to
    volume = np.einsum("fi,fi->f", np.cross(a, b), c).sum() / 6
    assert volume == pytest.approx(4 / 3 * np.pi, rel=0.15)


def test_a_fine_grid_keeps_what_there_is():
    corners = ball(rings=6) + 3e-5  # its poles lie in the middle of cells
    vertices, faces = thin(corners, 1e-4)
    flat = (
        np.linalg.norm(np.cross(corners[:, 1] - corners[:, 0], corners[:, 2] - corners[:, 0]), axis=1) < 1e-9
    )
    assert rounded(vertices[faces]) == rounded(corners[~flat])
