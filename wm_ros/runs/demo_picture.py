"""The demo as pictures: a sheet of goals and ways, and an animation of what the robot did.

The large view is drawn from the states seen on the topic; the small ones are what the model got.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

import numpy as np
from PIL import Image, ImageDraw, ImageFont

from wm_ros.tasks.protocol import Overview, Task
from wm_ros.tasks.success import Criterion, Trial, in_words

VIEW_PX = 256
INSET_PX = 112
MARGIN_PX = 10
CAPTION_PX = 30
FRAME_S = 0.2  # of the robot's time between pictures of the animation
SPEED_UP = 2.0
PAUSE_MS = 900
COLOURS = 128
COLUMNS = 6  # of the sheet: more goals than this are not shown

Frames = Sequence[tuple[int, np.ndarray]]


def draw_animation(task: Task, trials: Sequence[Trial], frames: Frames, scene_seed: int, path: Path) -> None:
    """Write a GIF of the trials of a simulated robot, twice as fast as they were."""
    overview = task.overview(scene_seed, VIEW_PX)
    pictures: list[Image.Image] = []
    durations: list[int] = []
    for number, trial in enumerate(trials, 1):
        for index in _shown(trial):
            pictures.append(_compose(overview, trial, frames, index, f"goal {number} of {len(trials)}"))
            durations.append(round(1000 * FRAME_S / SPEED_UP))
        durations[-1] = PAUSE_MS
    palette = pictures[0].quantize(COLOURS)
    indexed = [picture.quantize(palette=palette, dither=Image.Dither.NONE) for picture in pictures]
    indexed[0].save(path, save_all=True, append_images=indexed[1:], duration=durations, loop=0, optimize=True)


def draw_sheet(
    task: Task,
    by_model: Sequence[Trial],
    at_random: Sequence[Trial],
    frames: Frames,
    criterion: Criterion,
    path: Path,
) -> None:
    """Write a PNG: per goal its picture, what the camera saw at the end, and the distance over time.

    A robot that drives about has its way drawn from above as well. The radius of the criterion is drawn as a line.
    """
    from matplotlib.backends.backend_agg import FigureCanvasAgg
    from matplotlib.figure import Figure

    columns = min(len(by_model), COLUMNS)
    overview = task.overview(0, VIEW_PX)
    rows = 3 + overview.draws_way
    figure = Figure(figsize=(1.0 + 2.1 * columns, 2.1 * rows - 0.1), dpi=110, layout="constrained")
    FigureCanvasAgg(figure)
    axes = figure.subplots(rows, columns, squeeze=False)
    for column, trial in enumerate(by_model[:columns]):
        end = _camera_at(frames, int(trial.track[0][-1]))
        pictures = [("goal", trial.picture), ("camera at the end", end)]
        if overview.draws_way:
            pictures.append(("the way, goal green", overview(trial.track[1], trial.goal)))
        for axis, (label, picture) in zip(axes[:-1, column], pictures, strict=True):
            axis.imshow(picture, interpolation="nearest")
            axis.set(xticks=[], yticks=[])
            if column == 0:
                axis.set_ylabel(label)
        axes[0, column].set_title(f"goal {column + 1}: {_error(trial, -1)}", fontsize="medium")
        _plot_distances(axes[-1, column], trial, at_random[column] if column < len(at_random) else None)
        axes[-1, column].axhline(100 * criterion.radius_m, color="tab:green", linewidth=0.8, linestyle="--")
    axes[-1, 0].set_ylabel("distance to goal, cm")
    axes[-1, 0].legend(frameon=False, fontsize="small")
    figure.savefig(path)


def _plot_distances(axis: Any, model: Trial, random: Trial | None) -> None:
    for trial, colour, label in ((random, "0.7", "random actions"), (model, "tab:blue", "model")):
        if trial is not None:
            stamps = trial.track[0]
            axis.plot((stamps - stamps[0]) * 1e-9, 100 * trial.distances_m, color=colour, label=label)
    axis.set(xlabel="s", ylim=(0, None))


def _shown(trial: Trial) -> Iterator[int]:
    """Indexes of the states of the animation's pictures, the last one included."""
    stamps = trial.track[0]
    wanted = np.arange(stamps[0], stamps[-1], round(FRAME_S * 1e9))
    yield from np.searchsorted(stamps, wanted).tolist()
    yield len(stamps) - 1


def _compose(overview: Overview, trial: Trial, frames: Frames, index: int, title: str) -> Image.Image:
    stamps, positions = trial.track
    left = VIEW_PX + MARGIN_PX
    sheet = Image.new("RGB", (left + INSET_PX + MARGIN_PX, VIEW_PX + CAPTION_PX), "white")
    sheet.paste(Image.fromarray(overview(positions[: index + 1], trial.goal)), (0, 0))
    draw = ImageDraw.Draw(sheet)
    font = ImageFont.load_default()
    insets = (("goal picture", trial.picture), ("camera, 64 px", _camera_at(frames, int(stamps[index]))))
    for row, (label, picture) in enumerate(insets):
        top = row * VIEW_PX // 2
        inset = Image.fromarray(picture).resize((INSET_PX, INSET_PX), Image.Resampling.NEAREST)
        sheet.paste(inset, (left, top + 14))
        draw.text((left, top + 1), label, fill="black", font=font)
    seconds = (stamps[index] - stamps[0]) * 1e-9
    caption = f"{title}    {_error(trial, index)} from it    {seconds:.1f} s"
    draw.text((MARGIN_PX, VIEW_PX + 9), caption, fill="black", font=font)
    return sheet


def _error(trial: Trial, index: int) -> str:
    return in_words(
        trial.distances_m[index], None if trial.headings_rad is None else trial.headings_rad[index]
    )


def _camera_at(frames: Frames, stamp_ns: int) -> np.ndarray:
    """The newest camera frame at a time."""
    stamps = [stamp for stamp, _ in frames]
    return frames[max(int(np.searchsorted(stamps, stamp_ns, side="right")) - 1, 0)][1]
