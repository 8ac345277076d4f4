"""Whether recorded numbers can be the joint positions that a profile speaks of, and what they look like if not."""

from __future__ import annotations

import math
from collections.abc import Sequence

import numpy as np

from wm_ros.robots.profile import RobotProfile

# Of a joint's range. Where the zero is does not matter to rates, and LeRobot's calibrations put it anywhere.
WIDEST, NARROWEST = 1.2, 0.05
NORMALISED = 0.9  # of 1, which normalised values come near


def unlikely_positions(values: np.ndarray, units: Sequence[str], profile: RobotProfile) -> str:
    """Why numbers [K, A] cannot be positions in these units of the profile's joints; empty: they may be.

    They span more than the range of a joint, or, all of them, hardly any of it.
    """
    if len(values) < 2:
        return ""
    low, high = np.nanpercentile(values, [1.0, 99.0], axis=0)
    widths = np.array(
        [part.required_target.width_in(unit) for part, unit in zip(profile.action, units, strict=True)]
    )
    shares = (high - low) / widths
    most = int(np.argmax(shares))
    if NARROWEST <= shares[most] <= WIDEST or (shares[most] < NARROWEST and not (high > low).any()):
        return ""
    name, unit = profile.names[most], units[most]
    kind = _likely_kind(float(np.nanmax(np.abs(values[:, most]))))
    return (
        f"{name} ranges from {low[most]:.4g} to {high[most]:.4g}, and should be a position in {unit} of a joint whose "
        f"range is {widths[most]:.4g} wide: it looks like {kind}. Mend the unit in the profile (target.unit for "
        "messages, target.lerobot_unit for LeRobot sets), or the joint's range"
    )


def _likely_kind(most: float) -> str:
    if NORMALISED <= most <= 1.0:
        return "normalised values (-1 to 1)"
    if most <= 2.0 * math.pi:
        return "a position in radians or metres"
    if most <= 360.0:
        return "a position in degrees or in percent"
    return "counts of an encoder, or millimetres"
