"""What a recording holds and what it can train, in words for people."""

from __future__ import annotations

import numpy as np

from wm_ros.data.recording import Recording
from wm_ros.data.verdict import verdicts


def describe(recording: Recording) -> dict[str, str]:
    """What a person wants to know of a recording, as label and text."""
    frames, profile = recording.frames, recording.profile
    lengths = np.array([episode.stop - episode.start for episode in recording.episodes])
    pairs = int((recording.successors >= 0).sum())
    seconds = sum(
        (recording.stamps_ns[e.stop - 1] - recording.stamps_ns[e.start]) * 1e-9 for e in recording.episodes
    )
    facts = {f"source {number}": line for number, line in enumerate(recording.sources, 1)}
    facts |= {
        "frames": f"{len(frames)} of {frames.shape[2]}x{frames.shape[1]}, {recording.camera_rate_hz:.4g} Hz",
        "episodes": f"{len(lengths)} of {lengths.min()} to {lengths.max()} frames, {seconds:.0f} s in all",
        "model steps": f"{pairs} pairs of frames {profile.model_dt:.4g} s apart",
    }
    if recording.topics:
        facts["camera"] = ", ".join(dict.fromkeys(topics.camera for topics in recording.topics))
    if recording.commands is None:
        facts["commands"] = f"none on {recording.command_topic}"
    else:
        vectors = recording.commands.vectors
        facts["commands"] = f"{len(vectors)} on {recording.command_topic}"
        for component, values in zip(profile.action, vectors.T, strict=True):
            if len(values):
                beyond = np.mean((values < component.min) | (values > component.max))
                facts[component.name] = (
                    f"{values.min():.3f} to {values.max():.3f} {component.unit} "
                    f"(limits {component.min:g} to {component.max:g}"
                    + (f", {beyond:.2%} beyond" if beyond else "")
                    + ")"
                )
    facts |= verdicts(recording)
    for number, note in enumerate(recording.notes, 1):
        facts[f"note {number}"] = note
    return facts
