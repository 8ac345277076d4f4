"""Controller: robot action and state to latent action, and the same network for the way back."""

from __future__ import annotations

import torch
from torch import Tensor, nn

from wm_ros.models.blocks import PLACE_STD, Block, merged, three_layers


class PassThrough(nn.Module):
    """The controller of an action-labelled model, whose latent action is the normalised robot action itself."""

    def forward(self, vector: Tensor, state: Tensor) -> Tensor:
        return vector


class NoAction(nn.Module):
    """The controller of a deterministic model: its forward model was never told anything, and must not be now."""

    def __init__(self, outputs: int) -> None:
        super().__init__()
        self.outputs = outputs

    def forward(self, vector: Tensor, state: Tensor) -> Tensor:
        return vector.new_zeros(len(vector), self.outputs)


class ActionOnly(nn.Sequential):
    """Maps a vector [B, inputs] to a vector [B, outputs] whatever the state: the baseline of [LAM], an MLP of three
    layers."""

    def __init__(self, inputs: int, outputs: int, width: int) -> None:
        super().__init__(*three_layers(inputs, width, outputs))

    def forward(self, vector: Tensor, state: Tensor) -> Tensor:  # type: ignore[override]  # as all controllers
        return super().forward(vector)


class StateConditioned(nn.Module):
    """Maps a vector to a vector in the light of a state: MLP, two self-attention blocks, one cross-attention [LAM].

    vector [B, inputs], state [B, N, D] -> [B, outputs]. `context(state)` does not depend on the vector: compute it
    once and share it among all candidates of a plan. merge: so many neighbouring tokens are seen as one.
    """

    def __init__(
        self,
        inputs: int,
        outputs: int,
        tokens: int,
        dim: int,
        *,
        width: int,
        heads: int,
        depth: int = 2,
        merge: int = 1,
    ) -> None:
        super().__init__()
        self.merge = merge
        self.embed_vector = nn.Sequential(*three_layers(inputs, width, width))
        self.embed_state = nn.Linear(merge * dim, width)
        self.place = nn.Parameter(PLACE_STD * torch.randn(tokens // merge, width))
        self.self_attention = nn.ModuleList(Block(width, heads) for _ in range(depth))
        self.cross_attention = Block(width, heads)
        self.norm = nn.LayerNorm(width)
        self.read = nn.Linear(width, outputs)

    def context(self, state: Tensor) -> Tensor:
        """What the cross-attention reads of a state [B, N, D]: [B, N / merge, width]."""
        x = self.embed_state(merged(state, self.merge)) + self.place
        for block in self.self_attention:
            x = block(x)
        return x

    def forward(self, vector: Tensor, state: Tensor) -> Tensor:
        return self.attend(self.embed_vector(vector), self.context(state))

    def attend(self, embedded: Tensor, context: Tensor) -> Tensor:
        """The rest of the way for embedded vectors [B, width]: context [B, N, width], or [1, N, width] for all."""
        # All vectors are one long question to a context that they share.
        apart = len(context) == len(embedded)
        x = self.cross_attention(embedded.unsqueeze(1 if apart else 0), context).flatten(0, 1)
        return self.read(self.norm(x))
