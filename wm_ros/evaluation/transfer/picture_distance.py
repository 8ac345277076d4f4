"""How different two pictures are: multi-scale structural similarity, and the mean difference of their pixels.

In place of LPIPS, whose weights must be downloaded: both need none.
"""

from __future__ import annotations

import torch
from torch import Tensor
from torch.nn import functional as F

WINDOW, STD = 11, 1.5  # pixels, as Wang et al. (2003)
WEIGHTS = (0.0448, 0.2856, 0.3001, 0.2363, 0.1333)  # of the scales, finest first, from the same source
STABLE_MEAN, STABLE_CONTRAST = 0.01**2, 0.03**2  # of pictures in 0 .. 1


def structural_distance(pictures: Tensor, others: Tensor) -> Tensor:
    """1 - MS-SSIM [B] of pictures [B, 3, S, S] in 0 .. 1: 0 for equal ones, about 1 for those of nothing in common.

    Of the five published scales those at which a picture still holds the window of 11 pixels, at least one, and the
    window no wider than the picture; their weights are brought to a sum of 1.
    """
    side = min(pictures.shape[-2:])
    scales = max(1, sum(side // 2**scale >= WINDOW for scale in range(len(WEIGHTS))))
    weights = torch.tensor(WEIGHTS[:scales])
    similarity = torch.ones(len(pictures))
    for scale, weight in enumerate((weights / weights.sum()).tolist()):
        mean, contrast = _similarity(pictures, others)
        part = mean * contrast if scale == scales - 1 else contrast
        # A negative correlation has no power that is a number: counted as nothing in common, as is usual.
        similarity = similarity * part.flatten(1).mean(dim=1).clamp_min(0.0) ** weight
        pictures, others = F.avg_pool2d(pictures, 2), F.avg_pool2d(others, 2)
    return 1.0 - similarity


def pixel_distance(pictures: Tensor, others: Tensor) -> Tensor:
    """Mean absolute difference [B] of pictures [B, 3, S, S] in 0 .. 1."""
    return (pictures - others).abs().flatten(1).mean(dim=1)


def _similarity(pictures: Tensor, others: Tensor) -> tuple[Tensor, Tensor]:
    """Similarity of the windows' means, and of their contrasts and structures, at each place."""
    means = [_blurred(some) for some in (pictures, others)]
    squares = [
        _blurred(some * some) - mean * mean for some, mean in zip((pictures, others), means, strict=True)
    ]
    shared = _blurred(pictures * others) - means[0] * means[1]
    contrast = (2.0 * shared + STABLE_CONTRAST) / (squares[0] + squares[1] + STABLE_CONTRAST)
    mean = (2.0 * means[0] * means[1] + STABLE_MEAN) / (means[0] ** 2 + means[1] ** 2 + STABLE_MEAN)
    return mean, contrast


def _blurred(pictures: Tensor) -> Tensor:
    """Means over a Gaussian window, where it lies within the picture."""
    window = min(WINDOW, *pictures.shape[-2:])
    places = torch.arange(window) - (window - 1) / 2.0
    kernel = torch.exp(-0.5 * (places / STD) ** 2)
    kernel = (kernel / kernel.sum()).expand(pictures.shape[1], 1, 1, window)
    rows = F.conv2d(pictures, kernel, groups=pictures.shape[1])
    return F.conv2d(rows, kernel.transpose(2, 3), groups=pictures.shape[1])
