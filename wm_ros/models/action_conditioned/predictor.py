"""The predictor of V-JEPA 2-AC: the next frame's tokens from those so far, the poses and the actions."""

from __future__ import annotations

from collections.abc import Sequence

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from wm_ros.models.rotary import rotary_table
from wm_ros.models.rotary_blocks import EPSILON, KVCache, RotaryBlock

POSE = 7  # x y z in m, extrinsic xyz Euler angles in rad, gripper from 0 (open) to 1
TOLD = 2  # tokens of a frame before its patches: action and pose


class ActionPredictor(nn.Module):
    """Frame-causal transformer over [action, pose, patches] of each frame, with the published key names.

    Patches [B, T, N, dim], actions and poses [B, T, 7]; bidirectional within a frame, causal over frames; what is read
    at the patches of frame t is the prediction of frame t + 1. Frames are numbered from 0, and the numbers matter.
    """

    def __init__(self, side: int, dim: int, width: int, depth: int, heads: int) -> None:
        super().__init__()
        self.side, self.dim, self.head = side, dim, width // heads
        self.predictor_embed = nn.Linear(dim, width)
        self.action_encoder, self.state_encoder = nn.Linear(POSE, width), nn.Linear(POSE, width)
        self.extrinsics_encoder = nn.Linear(POSE - 1, width)  # in the published file, and unused
        self.predictor_blocks = nn.ModuleList(RotaryBlock(width, heads, 4 * width) for _ in range(depth))
        self.predictor_norm = nn.LayerNorm(width, EPSILON)
        self.predictor_proj = nn.Linear(width, dim)

    def forward(self, patches: Tensor, actions: Tensor, poses: Tensor) -> Tensor:
        """The raw predictions [B, T, N, dim] of the frames after each of these."""
        frames, size = patches.shape[1], TOLD + patches.shape[2]
        frame_of = torch.arange(frames, device=patches.device).repeat_interleave(size)
        mask = frame_of[:, None] >= frame_of[None, :] if frames > 1 else None
        return self._run(patches, actions, poses, 0, mask, [None] * len(self.predictor_blocks))

    def step(
        self, patches: Tensor, action: Tensor, pose: Tensor, frame: int, past: Sequence[KVCache]
    ) -> Tensor:
        """The normalised tokens [B, N, dim] that follow frame number `frame`, given as [B, N, dim], [B, 7], [B, 7].

        past: what `begin` gave, and all frames before this one went through; exactly as `forward` on all of them.
        """
        following = self._run(patches[:, None], action[:, None], pose[:, None], frame, None, past)[:, 0]
        return F.layer_norm(following, (self.dim,))

    def begin(self) -> list[KVCache]:
        """The memory of sequences that begin."""
        return [KVCache() for _ in self.predictor_blocks]

    def _run(
        self,
        patches: Tensor,
        actions: Tensor,
        poses: Tensor,
        first: int,
        mask: Tensor | None,
        past: Sequence[KVCache | None],
    ) -> Tensor:
        frames, dtype = patches.shape[1], self.predictor_embed.weight.dtype
        told = [self.action_encoder(actions.to(dtype)), self.state_encoder(poses.to(dtype))]
        x = torch.cat([torch.stack(told, dim=2), self.predictor_embed(patches.to(dtype))], dim=2)
        table = rotary_table(self._positions(first, frames, patches.device), self.head)
        x = x.flatten(1, 2)
        for block, seen in zip(self.predictor_blocks, past, strict=True):
            x = block(x, table, mask, seen)
        x = x.unflatten(1, (frames, -1))[:, :, TOLD:]
        return self.predictor_proj(self.predictor_norm(x)).float()

    def _positions(self, first: int, frames: int, device: torch.device) -> Tensor:
        """Frame, row and column [L, 3] of all tokens; action and pose have the frame's number alone."""
        places = torch.arange(self.side, device=device)
        grid = F.pad(torch.cartesian_prod(places, places), (1, 0, TOLD, 0))
        times = F.pad(torch.arange(first, first + frames, device=device)[:, None], (0, 2))
        return (times[:, None] + grid).flatten(0, 1)
