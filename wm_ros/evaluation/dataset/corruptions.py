"""What can happen to pictures on their way from the scene to the encoder, in three severities each."""

from __future__ import annotations

from collections.abc import Callable

import cv2
import numpy as np

from wm_ros.messages.compressed import decode_picture

REFERENCE_PX = 256  # the sizes below are those of pictures with so short a side

# [ACT] has noise of .15 and a blur with a kernel of 11 pixels, which OpenCV takes for a standard deviation of 2.
SEVERITIES: dict[str, tuple[float, float, float]] = {
    "noise": (0.05, 0.15, 0.30),
    "blur": (2.0, 4.0, 8.0),
    "JPEG": (50, 20, 5),
    "brightness": (0.7, 0.5, 0.3),
    "motion blur": (12, 24, 48),
    "occlusion": (0.15, 0.3, 0.45),
}
DESCRIPTIONS = {
    "noise": "standard deviation, share of full scale",
    "blur": "standard deviation, pixels of 256",
    "JPEG": "quality, 1 .. 100",
    "brightness": "share of the light left",
    "motion blur": "length of the smear, pixels of 256",
    "occlusion": "side of a grey square on the lens, share of the picture's",
    "dropped frames": "share of the frames that are missing, so that the frame before stands in",
    "frozen frames": "share of the pairs whose second frame repeats the first",
}
# These two need no pictures: which frame stands where is changed.
FRAME_LOSS: dict[str, tuple[float, float, float]] = {
    "dropped frames": (0.1, 0.3, 0.6),
    "frozen frames": (0.1, 0.3, 0.6),
}


def corrupt(pair: np.ndarray, kind: str, severity: float, seed: int) -> np.ndarray:
    """The frames of a pair [2, H, W, 3] uint8, corrupted; what sits on the lens sits there in both."""
    corrupted = []
    for index, frame in enumerate(pair):
        seeds = [seed, list(SEVERITIES).index(kind), 0 if kind == "occlusion" else index]
        corrupted.append(_CORRUPTIONS[kind](frame, severity, np.random.default_rng(seeds)))
    return np.stack(corrupted)


def _noise(frame: np.ndarray, std: float, rng: np.random.Generator) -> np.ndarray:
    noisy = frame + 255.0 * std * rng.standard_normal(frame.shape)
    return np.clip(np.rint(noisy), 0, 255).astype(np.uint8)


def _blur(frame: np.ndarray, std: float, rng: np.random.Generator) -> np.ndarray:
    return cv2.GaussianBlur(frame, (0, 0), std * min(frame.shape[:2]) / REFERENCE_PX)


def _jpeg(frame: np.ndarray, quality: float, rng: np.random.Generator) -> np.ndarray:
    packed = cv2.imencode(".jpg", frame[..., ::-1], [cv2.IMWRITE_JPEG_QUALITY, int(quality)])[1]
    return decode_picture(packed, "a frame as JPEG", max_pixels=frame.shape[0] * frame.shape[1])


def _brightness(frame: np.ndarray, share: float, rng: np.random.Generator) -> np.ndarray:
    return np.rint(frame * share).astype(np.uint8)


def _motion_blur(frame: np.ndarray, length: float, rng: np.random.Generator) -> np.ndarray:
    scaled = length * min(frame.shape[:2]) / REFERENCE_PX
    size = max(3, 2 * round((scaled - 1) / 2) + 1)
    return cv2.filter2D(frame, -1, np.full((1, size), 1.0 / size))


def _occlusion(frame: np.ndarray, share: float, rng: np.random.Generator) -> np.ndarray:
    height, width = frame.shape[:2]
    side = max(1, round(share * min(height, width)))
    top, left = rng.integers(0, height - side + 1), rng.integers(0, width - side + 1)
    covered = frame.copy()
    covered[top : top + side, left : left + side] = 128
    return covered


_CORRUPTIONS: dict[str, Callable[[np.ndarray, float, np.random.Generator], np.ndarray]] = {
    "noise": _noise,
    "blur": _blur,
    "JPEG": _jpeg,
    "brightness": _brightness,
    "motion blur": _motion_blur,
    "occlusion": _occlusion,
}
