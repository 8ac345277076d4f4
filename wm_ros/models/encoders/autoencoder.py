"""The encoder half of an image autoencoder of diffusers (AutoencoderKL, as of Stable Diffusion)."""

from __future__ import annotations

from typing import Any

from torch import Tensor, nn

from wm_ros.models.encoders.encoder import Backbone


class AutoencoderBackbone(Backbone):
    """Pictures [B, 3, size, size] to the mean latents [B, side * side, channels], scaled as diffusion models take them.

    config: as in the model's config.json.
    """

    def __init__(self, size: int, config: dict[str, Any]) -> None:
        super().__init__()
        from diffusers import AutoencoderKL

        model: Any = AutoencoderKL(**config)
        shrink = 2 ** (len(model.config.block_out_channels) - 1)
        if size % shrink:
            raise ValueError(f"pictures of {size} pixels do not shrink by {shrink}")
        self.side, self.dim = size // shrink, model.config.latent_channels
        self.encoder, self.quant_conv = model.encoder, model.quant_conv or nn.Identity()
        self._shift, self._scale = model.config.shift_factor or 0.0, model.config.scaling_factor

    def forward(self, pictures: Tensor) -> Tensor:
        mean = self.quant_conv(self.encoder(pictures))[:, : self.dim]
        return (mean - self._shift).mul(self._scale).flatten(2).transpose(1, 2)
