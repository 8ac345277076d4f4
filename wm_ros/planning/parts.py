"""How many candidates are imagined at once: what the memory of the device has room for."""

from __future__ import annotations

import torch

# Tokens of a frame. More do not make a CPU faster, and GPUs are filled by more.
LEAST_TOKENS = 4096
# Preset large in bf16 keeps about a quarter of a megabyte a token over a horizon of 3, a megabyte over 10.
TOKENS_PER_GIB = 256


def tokens_at_once(device: torch.device) -> int:
    """Tokens of a frame that are imagined at once, on a GPU by its memory, whatever else lies there."""
    if device.type != "cuda":
        return LEAST_TOKENS
    gib: float = torch.cuda.get_device_properties(device).total_memory / 2**30
    return max(LEAST_TOKENS, int(TOKENS_PER_GIB * gib))


def part_size(candidates: int, most: int) -> int:
    """Candidates in each part, at most so many.

    Of one size where half as many parts more than the fewest will do: every size is a shape to compile. Else they are
    about even, and the last is smaller.
    """
    fewest = -(-candidates // most)
    parts = next(
        (parts for parts in range(fewest, fewest + fewest // 2 + 1) if candidates % parts == 0), fewest
    )
    return -(-candidates // parts)
