"""The encoder of several tokens a frame that this package trains itself, by what stays and what changes in video."""

from __future__ import annotations

import torch
from torch import Tensor, nn

from wm_ros.models.encoders.convolutions import require_sizes, stage
from wm_ros.models.encoders.encoder import Encoder
from wm_ros.models.encoders.square import centre_square

STRIDE = 4  # pixels from one place that a token can look at to the next
# The sharpness of the attention before training, and the unit of a position: the picture is six wide.
SHARPNESS, HALF_PICTURE = 2.0, 3.0


class VideoEncoder(Encoder):
    """Keypoints: each token looks at one place of the picture, and says where that is and what is there.

    Frames uint8 [B, H, W, 3] RGB of any size are cropped to the centre square and area-resized to `size` pixels.
    Convolutions make features for every 4 x 4 pixels; a token's attention over them gives its position (x to the
    right, y down: spatial soft-argmax, arXiv 1504.00702) and the mean of `features` numbers. So what moves evenly
    in the picture moves evenly in the tokens, which makes it easy to predict. Tokens are [B, tokens, 2 + features],
    standardised over the frames that it was trained on. Frame-causal: every frame is encoded on its own.
    """

    mean: Tensor
    std: Tensor

    def __init__(self, size: int = 64, tokens: int = 16, features: int = 6, width: int = 48) -> None:
        super().__init__()
        require_sizes(size, features, width)
        if not 1 <= tokens <= 256:
            raise ValueError(f"tokens must be from 1 to 256, got {tokens}")
        self.size, self.tokens, self.dim = size, tokens, 2 + features
        self.trunk = nn.Sequential(
            *stage(3, width, kernel=8, stride=STRIDE),
            *stage(width, width, kernel=3, stride=1),
            *stage(width, width, kernel=3, stride=1),
        )
        self.attention = nn.Conv2d(width, tokens, 1)
        self.log_sharpness = nn.Parameter(torch.tensor(SHARPNESS).log())
        self.read = nn.Linear(width, features)
        self.register_buffer("mean", torch.zeros(tokens, self.dim))
        self.register_buffer("std", torch.ones(tokens, self.dim))

    def forward(self, frames: Tensor) -> Tensor:
        return self.from_images(self.preprocess(frames))

    def from_images(self, images: Tensor) -> Tensor:
        """Tokens [B, tokens, dim] of preprocessed images."""
        return (self.keypoints(images) - self.mean) / self.std

    def keypoints(self, images: Tensor) -> Tensor:
        """The tokens before they are standardised: position in -3 .. 3, and features."""
        features = self.trunk(images)
        side = torch.linspace(-HALF_PICTURE, HALF_PICTURE, features.shape[-1], device=features.device)
        places = torch.cartesian_prod(side, side).flip(-1).to(features.dtype)
        looked_at = self.attention(features).flatten(2) * self.log_sharpness.exp()
        shares = looked_at.softmax(dim=-1)
        seen = self.read(shares @ features.flatten(2).transpose(1, 2))
        return torch.cat([shares @ places, seen], dim=-1)

    def preprocess(self, frames: Tensor) -> Tensor:
        """Frames uint8 [B, H, W, 3] to images float [B, 3, size, size] in -1 .. 1."""
        return centre_square(frames, self.size, self.read.weight.dtype)

    def input_pictures(self, frames: Tensor) -> Tensor:
        return self.preprocess(frames) / 2 + 0.5
