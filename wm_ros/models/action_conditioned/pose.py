"""Arithmetic of end-effector poses [..., 7]: position in m, extrinsic xyz Euler angles in rad, gripper from 0 to 1.

Batched, for the planner's candidates. One pose from a message is `wm_ros.messages.pose`.
"""

from __future__ import annotations

import torch
from torch import Tensor


def matrix(angles: Tensor) -> Tensor:
    """Rotation matrices [..., 3, 3] of extrinsic xyz Euler angles [..., 3]: about x first, about z last."""
    (sx, sy, sz), (cx, cy, cz) = angles.sin().unbind(-1), angles.cos().unbind(-1)
    rows = [
        [cy * cz, sx * sy * cz - cx * sz, cx * sy * cz + sx * sz],
        [cy * sz, sx * sy * sz + cx * cz, cx * sy * sz - sx * cz],
        [-sy, sx * cy, cx * cy],
    ]
    return torch.stack([torch.stack(row, dim=-1) for row in rows], dim=-2)


def euler(rotation: Tensor) -> Tensor:
    """Extrinsic xyz Euler angles [..., 3] of rotation matrices [..., 3, 3]; x is 0 where y is a right angle."""
    cosine = torch.hypot(rotation[..., 0, 0], rotation[..., 1, 0])
    locked = cosine < 1e-6
    x = torch.atan2(rotation[..., 2, 1], rotation[..., 2, 2]).masked_fill(locked, 0.0)
    y = torch.atan2(-rotation[..., 2, 0], cosine)
    z = torch.where(
        locked,
        torch.atan2(-rotation[..., 0, 1], rotation[..., 1, 1]),
        torch.atan2(rotation[..., 1, 0], rotation[..., 0, 0]),
    )
    return torch.stack([x, y, z], dim=-1)


def turn(vector: Tensor) -> Tensor:
    """Rotation matrices [..., 3, 3] of rotation vectors [..., 3], axis times angle in rad, by Rodrigues' formula."""
    x, y, z = vector.unbind(-1)
    none = torch.zeros_like(x)
    cross = torch.stack([none, -z, y, z, none, -x, -y, x, none], dim=-1).unflatten(-1, (3, 3))
    angle = vector.norm(dim=-1)[..., None, None]
    # sin(a) / a and (1 - cos(a)) / a^2, without dividing by zero.
    first, second = torch.sinc(angle / torch.pi), 0.5 * torch.sinc(angle / (2 * torch.pi)).square()
    return torch.eye(3, dtype=vector.dtype, device=vector.device) + first * cross + second * (cross @ cross)


def moved(pose: Tensor, action: Tensor) -> Tensor:
    """The pose [..., 7] that an action [..., 7] leads to: the turn after the pose's own, the gripper within 0 .. 1."""
    angles = euler(matrix(action[..., 3:6]) @ matrix(pose[..., 3:6]))
    gripper = (pose[..., 6:] + action[..., 6:]).clamp(0.0, 1.0)
    return torch.cat([pose[..., :3] + action[..., :3], angles, gripper], dim=-1)


def between(start: Tensor, end: Tensor) -> Tensor:
    """The action [..., 7] that leads from one pose [..., 7] to another."""
    angles = euler(matrix(end[..., 3:6]) @ matrix(start[..., 3:6]).transpose(-1, -2))
    return torch.cat([end[..., :3] - start[..., :3], angles, end[..., 6:] - start[..., 6:]], dim=-1)
