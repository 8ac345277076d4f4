"""Tokens of which every number has mean 0 and standard deviation 1: over a batch in training, over frames after."""

from __future__ import annotations

import torch
from torch import Tensor, nn

from wm_ros.models.encoders.tiny import TinyEncoder
from wm_ros.models.encoders.video import VideoEncoder
from wm_ros.models.encoders.views import SeveralViews
from wm_ros.training.processes import gather

LEAST_VARIANCE = 1e-5

Trained = TinyEncoder | VideoEncoder | SeveralViews


def raw_tokens(encoder: Trained, images: Tensor) -> Tensor:
    """Tokens [B, N, D] of preprocessed images [B, 3, size, size], before they are standardised."""
    return encoder.from_images(images) if isinstance(encoder, TinyEncoder) else encoder.keypoints(images)


def standardised(tokens: Tensor) -> Tensor:
    """Tokens [B, N, D] with every number standardised over the batch, that of all processes."""
    mean, std = mean_std(gather(tokens))
    return (tokens - mean) / std


@torch.no_grad()
def standardise(encoder: Trained, tokens: Tensor) -> None:
    """Have the encoder standardise every number over these, its own raw tokens [B, N, D].

    The tiny one does so in its last layer.
    """
    mean, std = mean_std(tokens)
    if isinstance(encoder, TinyEncoder):
        last = encoder.head[-1]
        assert isinstance(last, nn.Linear)
        last.weight.div_(std[0, :, None])
        last.bias.sub_(mean[0]).div_(std[0])
        return
    encoder.mean.copy_(mean)
    encoder.std.copy_(std)


def mean_std(tokens: Tensor) -> tuple[Tensor, Tensor]:
    """Mean and standard deviation [N, D] of every number of tokens [B, N, D]."""
    variance, mean = torch.var_mean(tokens, dim=0, correction=0)
    return mean, (variance + LEAST_VARIANCE).sqrt()
