"""The convolutions of the encoders that this package trains."""

from __future__ import annotations

from torch import nn

CHANNELS = 128  # of what comes out
STRIDE = 16  # pixels from one place of what comes out to the next


def trunk(width: int) -> nn.Sequential:
    """Images [B, 3, S, S] to features [B, 128, S / 16, S / 16], by three strided convolutions."""
    return nn.Sequential(
        *stage(3, width, kernel=8, stride=4),
        *stage(width, 2 * width, kernel=4, stride=2),
        *stage(2 * width, CHANNELS, kernel=4, stride=2),
    )


def require_sizes(size: int, dim: int, width: int) -> None:
    """Raise ValueError unless an encoder on this trunk can have these sizes."""
    if not (0 < size <= 512 and 0 < width <= 512 and 0 < dim <= 4096) or size % STRIDE or width % 8:
        raise ValueError(
            "size must be a multiple of 16 and width of 8, both in 1 .. 512, and dim or features in 1 .. 4096, "
            f"got {size}, {width} and {dim}"
        )


def stage(before: int, after: int, kernel: int, stride: int) -> tuple[nn.Module, ...]:
    """A convolution that makes the picture `stride` times smaller, its norm and its non-linearity."""
    convolution = nn.Conv2d(before, after, kernel, stride, padding=(kernel - stride + 1) // 2)
    return convolution, nn.GroupNorm(8, after), nn.SiLU()
