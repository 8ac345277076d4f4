"""Forward model: the next latent state, given the states so far and a latent action each."""

from __future__ import annotations

from collections.abc import Callable
from typing import cast

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from wm_ros.models.blocks import PLACE_STD, Attention, merged, mlp, rotation_table
from wm_ros.models.kv_cache import KVCache

Cache = list[tuple[Tensor, Tensor]]


class ModulatedBlock(nn.Module):
    """Transformer block whose norms and gates follow the latent action of the frame (AdaLN-zero)."""

    def __init__(self, width: int, heads: int) -> None:
        super().__init__()
        self.attention, self.mlp = Attention(width, heads), mlp(width)
        self.modulation = nn.Linear(width, 6 * width)
        nn.init.zeros_(self.modulation.weight)
        nn.init.zeros_(self.modulation.bias)

    def forward(
        self,
        x: Tensor,
        condition: Tensor,
        rotation: Tensor,
        past: tuple[Tensor, Tensor] | None,
        mask: Tensor | None,
    ) -> tuple[Tensor, tuple[Tensor, Tensor]]:
        """x [B, T, N, W]; condition [B, T, 1, W] is broadcast over the tokens, never repeated in memory."""
        batch, frames, tokens, width = x.shape
        shift1, scale1, gate1, shift2, scale2, gate2 = self.modulation(condition).chunk(6, dim=-1)
        normed = (F.layer_norm(x, (width,)) * (1 + scale1) + shift1).flatten(1, 2)
        keys, values = self.attention.keys_values(normed, rotation)
        if past is not None:
            keys, values = torch.cat([past[0], keys], dim=2), torch.cat([past[1], values], dim=2)
        attended = self.attention(normed, (keys, values), rotation, mask).view(batch, frames, tokens, width)
        x = x + gate1 * attended
        x = x + gate2 * self.mlp(F.layer_norm(x, (width,)) * (1 + scale2) + shift2)
        return x, (keys, values)

    def advance(self, x: Tensor, condition: Tensor, past: KVCache, rotation: Tensor) -> Tensor:
        """The same for one frame, without gradients: x [S, N, W], condition [S, 1, W]; `past` remembers the frame."""
        width = x.shape[-1]
        shift1, scale1, gate1, shift2, scale2, gate2 = self.modulation(condition).chunk(6, dim=-1)
        normed = torch.addcmul(shift1, F.layer_norm(x, (width,)), scale1 + 1)
        keys_values = self.attention.key_value(normed)
        attended = past.attend(self.attention.query(normed), keys_values, rotation)
        x = torch.addcmul(x, gate1, self.attention.project(attended))
        normed = torch.addcmul(shift2, F.layer_norm(x, (width,)), scale2 + 1)
        return torch.addcmul(x, gate2, self.mlp(normed))


class ForwardModel(nn.Module):
    """Frame-causal vision transformer with rotary time, modulated per frame by the latent action [LAM].

    Predicts the change of the state: next = state + read-out. Bidirectional inside a frame, causal over frames.
    merge: so many neighbouring tokens are seen as one.
    """

    def __init__(
        self, tokens: int, dim: int, latent: int, *, width: int, depth: int, heads: int, merge: int = 1
    ) -> None:
        super().__init__()
        self.head_size, self.merge = width // heads, merge
        self.embed = nn.Linear(merge * dim, width)
        self.place = nn.Parameter(PLACE_STD * torch.randn(tokens // merge, width))
        self.condition = nn.Sequential(
            nn.Linear(latent, width), nn.SiLU(), nn.Linear(width, width), nn.SiLU()
        )
        self.blocks = nn.ModuleList(ModulatedBlock(width, heads) for _ in range(depth))
        self.norm = nn.LayerNorm(width)
        self.read = nn.Linear(width, merge * dim)
        # Untrained, it predicts no change: a random one would be off by many times that.
        nn.init.zeros_(self.read.weight)
        nn.init.zeros_(self.read.bias)

    def forward(self, states: Tensor, latent_actions: Tensor) -> Tensor:
        """Teacher forcing: states [B, T, N, D], latent actions [B, T, Z] -> next states [B, T, N, D]."""
        frame_of = self._frame_of(states.shape[1])
        mask = frame_of[:, None] >= frame_of[None, :]
        return self._run(states, latent_actions, frame_of, None, mask)[0]

    def step(self, state: Tensor, latent_action: Tensor, cache: Cache | None = None) -> tuple[Tensor, Cache]:
        """One frame further: state [B, N, D], latent action [B, Z], cache of the frames before -> next, cache."""
        tokens = len(self.place)
        seen = 0 if cache is None else cache[0][0].shape[2] // tokens
        frame_of = torch.full((tokens,), seen, device=state.device)
        following, cache = self._run(state[:, None], latent_action[:, None], frame_of, cache, None)
        return following[:, 0], cache

    def unroll(self, state: Tensor, steps: int, latent_action: Callable[[int, Tensor], Tensor]) -> Tensor:
        """States [B, steps, N, D] imagined from a state [B, N, D].

        latent_action: called with the number of the step and the state before it, gives the latent action [B, Z].
        """
        cache, predicted = None, []
        for step in range(steps):
            state, cache = self.step(state, latent_action(step, state), cache)
            predicted.append(state)
        return torch.stack(predicted, dim=1)

    def observe(self, states: Tensor, latent_actions: Tensor) -> Cache:
        """Keys and values [1, heads, T * N, size] of each block for observed states [T, N, D] and the latent actions
        [T, Z] that followed them."""
        frame_of = self._frame_of(len(states))
        mask = frame_of[:, None] >= frame_of[None, :]
        return self._run(states[None], latent_actions[None], frame_of, None, mask)[1]

    def caches(self, candidates: int, steps: int, observed: Cache | None) -> list[KVCache]:
        """For each block an empty memory of `steps` frames of so many candidates, after what was observed."""
        tokens, width = self.place.shape
        heads = width // self.head_size
        shared = [None] * len(self.blocks) if observed is None else observed

        def room(frames: int) -> Tensor:
            return self.place.new_empty(candidates, frames * tokens, 2, heads, self.head_size)

        last = room(steps)
        return [KVCache(one, room(steps - 1), last) for one in shared]

    def rotations(self, first: int, steps: int) -> Tensor:
        """Cosines and sines [steps, head_size / 2, 2] of the positions from `first` on."""
        positions = torch.arange(first, first + steps, device=self.place.device)
        return rotation_table(positions, self.head_size).movedim(0, -1).contiguous()

    def advance(
        self, state: Tensor, latent_action: Tensor, caches: list[KVCache], rotation: Tensor
    ) -> Tensor:
        """One frame further, without gradients: state [S, N, D], latent action [S, Z] -> next state [S, N, D].

        rotation: [head_size / 2, 2] of the frame's position. The state stays in its own precision, whatever that
        of the weights: only its change is rounded.
        """
        kind = self.place.dtype
        condition = self.condition(latent_action.to(kind)).unsqueeze(1)
        x = self.embed(merged(state, self.merge).to(kind)) + self.place
        for block, past in zip(self.blocks, caches, strict=True):
            x = cast(ModulatedBlock, block).advance(x, condition, past, rotation)
        return state + self.read(self.norm(x)).view_as(state)

    def _frame_of(self, frames: int) -> Tensor:
        """The frame of each of the tokens of so many frames."""
        return torch.arange(frames, device=self.place.device).repeat_interleave(len(self.place))

    def _run(
        self,
        states: Tensor,
        latent_actions: Tensor,
        frame_of: Tensor,
        cache: Cache | None,
        mask: Tensor | None,
    ) -> tuple[Tensor, Cache]:
        rotation = rotation_table(frame_of, self.head_size)
        condition = self.condition(latent_actions).unsqueeze(2)
        x = self.embed(merged(states, self.merge)) + self.place
        kept: Cache = []
        for index, block in enumerate(self.blocks):
            past = None if cache is None else cache[index]
            x, keys_values = block(x, condition, rotation, past, mask)
            kept.append(keys_values)
        return states + self.read(self.norm(x)).view_as(states), kept
