"""Whether a recording can train a model, and if not, what is missing and what to change."""

from __future__ import annotations

import math

import numpy as np

from wm_ros.data.recording import STEP_TOLERANCE, Recording
from wm_ros.robots.profile import RobotProfile

# Model steps of a clip that training takes by default.
CLIP_STEPS = 6
SAME_SHARE = 1e-3  # commands that differ by a smaller share are rounding
COMPARED_PAIRS = 256
# A robot that follows its profile is told little beyond its limits: values there have another kind or unit.
MOST_BEYOND = 0.05
NORMALISED = 0.9  # of 1, which normalised actions come near
BEYOND_TOLERANCE = 0.01  # of the range: rounding, and a recorder's single precision


def verdicts(recording: Recording) -> dict[str, str]:
    """What encoder and world model, and controller and goal distance, would say to it: `yes` or `no`, and why."""
    world = _world_model(recording)
    if world.startswith("no"):
        return {"encoder, world model": world, "controller, goal distance": "no: they need the world model"}
    return {"encoder, world model": world, "controller, goal distance": _controller(recording)}


def still_components(actions: np.ndarray) -> np.ndarray:
    """Indexes of the components that are the same throughout actions [C, A]."""
    least, most = actions.min(axis=0), actions.max(axis=0)
    return np.flatnonzero(most - least <= SAME_SHARE * np.maximum(abs(least), abs(most)))


def beyond_limits(recording: Recording) -> str:
    """Why the commands are not the rates of the profile, since too many lie beyond its limits; empty: they may be."""
    if recording.commands is None or recording.refusal:
        return recording.refusal
    for component, values in zip(recording.profile.action, recording.commands.vectors.T, strict=True):
        values = values[np.isfinite(values)]
        slack = BEYOND_TOLERANCE * (component.max - component.min)
        beyond = (
            np.mean((values < component.min - slack) | (values > component.max + slack)) if len(values) else 0
        )
        if beyond > MOST_BEYOND:
            kind = _likely_kind(values, component.unit)
            what, advice = _of(recording.profile, kind)
            return (
                f"{beyond:.0%} of the {what} of {component.name} lie beyond the profile's {component.min:g} to "
                f"{component.max:g} {component.unit}, and at most {MOST_BEYOND:.0%} may: they range from "
                f"{values.min():.4g} to {values.max():.4g}{advice}"
            )
    return ""


def _of(profile: RobotProfile, kind: str) -> tuple[str, str]:
    """What the values are, and what to say of those that are beyond the limits."""
    if profile.kind == "velocity" and profile.actions_from == "commands":
        return "values", (
            f", as {kind} do. Actions must be the rates that the profile describes: if these are targets, say so "
            "(kind: position, with a target); otherwise record velocities, or correct the limits if these are some"
        )
    return "rates", (
        f". They are differences of the {profile.action_source}: correct the limits of the profile, or the unit of its "
        "targets"
    )


def _likely_kind(values: np.ndarray, unit: str) -> str:
    most, turns = np.abs(values).max(), unit.startswith("rad")
    if NORMALISED <= most <= 1.0:
        return "normalised actions (-1 to 1)"
    if most <= 2.0 * math.pi:
        return "joint positions in radians" if turns else "positions in metres"
    if most <= 360.0 and turns:
        return "joint positions in degrees or in percent"
    return "positions in pixels, in millimetres or in counts of an encoder"


def _world_model(recording: Recording) -> str:
    pairs = recording.clips(2)
    if not len(pairs):
        return f"no: {_no_pairs(recording)}"
    clips = recording.clips(CLIP_STEPS + 1)
    if not len(clips):
        return f"no: {_too_short(recording, CLIP_STEPS)}"
    some = pairs[np.unique(np.linspace(0, len(pairs) - 1, COMPARED_PAIRS).astype(int))]
    if all(np.array_equal(recording.frames[now], recording.frames[then]) for now, then in some):
        return "no: nothing moves in the pictures: is it the right camera, and does it see the robot?"
    count = _episodes_of(recording, clips)
    return f"yes: {len(clips)} clips of {CLIP_STEPS} model steps, in {count} of {len(recording.episodes)} episodes"


def _controller(recording: Recording) -> str:
    labelled = recording.labelled_episodes
    if not len(labelled):
        return (
            f"no: no commands on {recording.command_topic}: record them with the images, or add a recording "
            "that has them (`wm_ros train` takes several paths)"
        )
    clips = recording.clips(CLIP_STEPS + 1, labelled)
    count = _episodes_of(recording, clips)
    if count < 2:
        needed = (CLIP_STEPS + 1) * recording.profile.model_dt
        return (
            f"no: {count} of {len(labelled)} episodes with commands hold {CLIP_STEPS} model steps: record at "
            f"least 2 of {needed:.1f} s, one to train and one to score on"
        )
    if reason := beyond_limits(recording):
        return f"no: {reason}"
    still = still_components(recording.actions(clips)[:, 0])
    if len(still):
        names = ", ".join(recording.profile.names[index] for index in still)
        return f"no: the commands of {names} are always the same: record motion in which all components move"
    return (
        f"yes: {len(clips)} clips of {CLIP_STEPS} model steps, in {count} of {len(labelled)} episodes with "
        "commands"
    )


def _episodes_of(recording: Recording, clips: np.ndarray) -> int:
    starts = np.array([episode.start for episode in recording.episodes])
    return len(np.unique(np.searchsorted(starts, clips[:, 0], side="right")))


def _no_pairs(recording: Recording) -> str:
    wanted, rate = recording.profile.model_rate_hz, recording.camera_rate_hz
    frames = rate / wanted  # in a model step
    if math.isnan(rate) or abs(max(1, round(frames)) - frames) <= STEP_TOLERANCE * frames:
        return _too_short(recording, CLIP_STEPS)
    return (
        f"frames come at {rate:.4g} Hz, and none is a model step of {1 / wanted:.4g} s after another: set "
        f"model.rate_hz in the profile to {rate / math.ceil(frames):.4g}, or record at a multiple of {wanted:g} Hz"
    )


def _too_short(recording: Recording, steps: int) -> str:
    longest = max(
        (recording.stamps_ns[e.stop - 1] - recording.stamps_ns[e.start]) * 1e-9 for e in recording.episodes
    )
    return (
        f"the longest of {len(recording.episodes)} episodes without a gap lasts {longest:.1f} s: record episodes of at "
        f"least {(steps + 1) * recording.profile.model_dt:.1f} s"
    )
