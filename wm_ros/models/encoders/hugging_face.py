"""Image and video encoders that transformers has: VideoMAE, DINOv2, DINOv3, SigLIP 2, a frame at a time."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor, nn

from wm_ros.models.encoders.encoder import Backbone


def _image(pictures: Tensor, patch: int) -> dict[str, Tensor]:
    return {"pixel_values": pictures}


def _tubelet(pictures: Tensor, patch: int) -> dict[str, Tensor]:
    """A clip [B, 2, 3, S, S] of each picture twice."""
    return {"pixel_values": pictures.unsqueeze(1).expand(-1, 2, -1, -1, -1)}


def _patches(pictures: Tensor, patch: int) -> dict[str, Tensor]:
    """Flat patches, as models of many sizes and shapes of pictures want them."""
    grid = pictures.unflatten(3, (-1, patch)).unflatten(2, (-1, patch)).permute(0, 2, 4, 3, 5, 1)
    rows = grid.flatten(3).flatten(1, 2)
    shape = torch.tensor(grid.shape[1:3]).expand(len(pictures), 2)
    return {
        "pixel_values": rows,
        "pixel_attention_mask": torch.ones(rows.shape[:2], dtype=torch.long, device=rows.device),
        "spatial_shapes": shape,
    }


@dataclass(frozen=True)
class Family:
    """How to run one kind of model of transformers: classes, final norm, tokens before the patches, what it takes.

    model_types: what config.json calls it; a whole SigLIP holds its image half in vision_config.
    """

    model_types: tuple[str, ...]
    config: str
    model: str
    norm: str
    prefix: Callable[[Any], int] = lambda config: 0
    arrange: Callable[[Tensor, int], dict[str, Tensor]] = _image
    settings: tuple[tuple[str, Any], ...] = ()


# Of the fixed-size SigLIP 2 weights transformers says `siglip`, of those for pictures of all shapes `siglip2`. Both are
# without the pooling head here. A VideoMAE of two frames has the positions of the first two of sixteen.
FAMILIES = {
    "videomae": Family(
        ("videomae",),
        "VideoMAEConfig",
        "VideoMAEModel",
        "layernorm",
        arrange=_tubelet,
        settings=(("num_frames", 2),),
    ),
    "dinov2": Family(("dinov2",), "Dinov2Config", "Dinov2Model", "layernorm", lambda config: 1),
    "dinov2-registers": Family(
        ("dinov2_with_registers",),
        "Dinov2WithRegistersConfig",
        "Dinov2WithRegistersModel",
        "layernorm",
        lambda config: 1 + config.num_register_tokens,
    ),
    "dinov3": Family(
        ("dinov3_vit",),
        "DINOv3ViTConfig",
        "DINOv3ViTModel",
        "norm",
        lambda config: 1 + config.num_register_tokens,
    ),
    "siglip2": Family(
        ("siglip", "siglip_vision_model"),
        "SiglipVisionConfig",
        "SiglipVisionModel",
        "post_layernorm",
        settings=(("vision_use_head", False),),
    ),
    "siglip2-naflex": Family(
        ("siglip2", "siglip2_vision_model"),
        "Siglip2VisionConfig",
        "Siglip2VisionModel",
        "post_layernorm",
        arrange=_patches,
        settings=(("vision_use_head", False),),
    ),
}


class TransformersBackbone(Backbone):
    """Pictures [B, 3, size, size] to the patch tokens [B, side * side, dim] of a model of transformers.

    config: the model's own, as in its config.json. layer: tokens after so many blocks, without the final norm; None:
    after all, with it. Later blocks are neither run nor kept. Weights are left unset, to be loaded.
    """

    def __init__(self, family: str, size: int, config: dict[str, Any], layer: int | None = None) -> None:
        super().__init__()
        import transformers
        from transformers.initialization import no_init_weights

        kind = FAMILIES[family]
        settings = getattr(transformers, kind.config)(**{**config, **dict(kind.settings)})
        patch, depth = settings.patch_size, settings.num_hidden_layers
        if size % patch:
            raise ValueError(f"pictures of {size} pixels do not divide into patches of {patch}")
        if layer is not None:
            if not 1 <= layer <= depth:
                raise ValueError(f"layer must be from 1 to {depth}, the number of blocks, got {layer}")
            settings.num_hidden_layers = layer
        with no_init_weights():
            self.model = getattr(transformers, kind.model)(settings)
        if layer is not None:
            setattr(self.model, kind.norm, nn.Identity())
        self.side, self.dim = size // patch, settings.hidden_size
        self._patch, self._arrange, self._prefix = patch, kind.arrange, kind.prefix(settings)

    def forward(self, pictures: Tensor) -> Tensor:
        return self.model(**self._arrange(pictures, self._patch)).last_hidden_state[:, self._prefix :]
