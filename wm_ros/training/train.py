"""Recording in, checkpoint out: encoder, world model, controller, and the latter two together; scored on episodes that
were held out of all."""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import asdict, dataclass, field, replace
from pathlib import Path
from typing import Any, cast

import numpy as np
import torch
from torch import Tensor, nn

from wm_ros import __version__
from wm_ros.data.recording import Recording
from wm_ros.data.verdict import beyond_limits
from wm_ros.models.bottlenecks.build import complete_options
from wm_ros.models.bottlenecks.kinds import LABELLED
from wm_ros.models.card import Card
from wm_ros.models.checkpoint import save_checkpoint
from wm_ros.models.encoder_checkpoint import EncoderCheckpoint
from wm_ros.models.encoders.encoder import Encoder
from wm_ros.models.encoders.kinds import TRAINED_HERE
from wm_ros.models.encoders.registry import build_encoder
from wm_ros.models.encoders.tiny import TinyEncoder
from wm_ros.models.encoders.video import VideoEncoder
from wm_ros.models.encoders.views import SeveralViews, per_view
from wm_ros.models.presets import preset_for
from wm_ros.models.temporal_distance import TemporalDistance
from wm_ros.models.world_model import WorldModel
from wm_ros.robots.profile import RobotProfile
from wm_ros.training import scores
from wm_ros.training.clips import Clips, make_clips
from wm_ros.training.controller import train_controller, train_controller_rollouts, train_jointly
from wm_ros.training.encoder import train_encoder
from wm_ros.training.engine import Engine
from wm_ros.training.goal_distance import train_goal_distance
from wm_ros.training.labelled import train_labelled_rollouts, train_labelled_world_model
from wm_ros.training.odometry import Odometry
from wm_ros.training.optimise import Report, Schedule, TrainingError
from wm_ros.training.processes import process_count
from wm_ros.training.progress import Progress
from wm_ros.training.reached import calibrate
from wm_ros.training.run_identity import identity
from wm_ros.training.selection import BestWeights
from wm_ros.training.states import encode_all, mapped
from wm_ros.training.temporal_distance import (
    distant_clips,
    held_out_contrast,
    measure_step,
    train_temporal_distance,
)
from wm_ros.training.validation_split import Split, split
from wm_ros.training.video_encoder import train_video_encoder
from wm_ros.training.world_model import train_world_model, train_world_model_rollouts

# Called with a phase's name and its number of steps; gives the function to report each step to.
Phases = Callable[[str, int], Report]


@dataclass(frozen=True)
class TrainOptions:
    """How long and how large; the defaults are what the packaged checkpoint was trained with."""

    encoder_kind: str = "tiny"
    goal_distance: str | None = None  # None: temporal with `video`, else displacement
    encoder_steps: int = 2500
    world_model_steps: int = 800
    world_model_rollout_steps: int = 500
    controller_steps: int = 1000
    controller_rollout_steps: int = 2000
    goal_distance_steps: int = 8000
    state_dim: int | None = (
        None  # None: 8, where the camera rides on the robot 16, of each token of `video` 8
    )
    bottleneck: dict[str, Any] = field(default_factory=lambda: {"name": "noise"})
    clip_steps: int = 6
    preset: str = "tiny"
    controller: str = "state-conditioned"
    labelled: bool = False
    joint: bool = True  # the world model learns from commands, too, in the last phase; else from video alone
    optimiser: str = "adamw"
    precision: str = "fp32"
    choose: bool = True  # the last phase's weights by what they do on held-out episodes, else the last
    seed: int = 0
    split_seed: int | None = None  # of the episodes held out; None: the seed. Models to be compared share one

    def split(self, recording: Recording) -> Split:
        """Which episodes of a recording train, choose among weights, and score."""
        seed = self.seed if self.split_seed is None else self.split_seed
        return split(recording, seed, self.clip_steps, self.choose)

    def scaled(self, effort: float) -> TrainOptions:
        """The same training with this share of the steps, at least one of each."""
        phases = (
            "encoder",
            "world_model",
            "world_model_rollout",
            "goal_distance",
            "controller",
            "controller_rollout",
        )
        names = [f"{phase}_steps" for phase in phases]
        return replace(self, **{name: max(1, round(effort * getattr(self, name))) for name in names})


@dataclass(frozen=True)
class Run:
    """How this run goes about a training; nothing of it changes the weights.

    resume: go on with the progress in the folder of the checkpoint, if there is some. save_every_s: seconds after which
    progress is saved. cache_dir: folder for the states while this runs (default TMPDIR). log_dir: for TensorBoard.
    """

    resume: bool = False
    save_every_s: float = 60.0
    cache_dir: Path | None = None
    log_dir: Path | None = None


def train(
    recording: Recording,
    out: str | Path,
    options: TrainOptions,
    source: str,
    phases: Phases,
    *,
    encoder_of: WorldModel | EncoderCheckpoint | None = None,
    run: Run = Run(),
    states: Tensor | None = None,
) -> dict[str, float]:
    """Train a model on a recording and write its checkpoint folder; returns the held-out scores.

    Encoder and world model learn from all episodes but the held-out ones, and so does the temporal goal distance; the
    controller and the other goal distance from those with commands; the held-out ones have commands. The labelled
    baseline uses episodes with commands alone. Every other held-out episode chooses among the weights of the last
    phase, the rest score the model.

    source: what the recording is, for the card. encoder_of: a model whose encoder is taken over as it is, instead of
    training one; states: what it made of all frames [F, N, D], instead of encoding them. Raises TrainingError when
    there is too little to train or score on. The progress is kept in `out`/.progress until the checkpoint is written.
    In several processes, each calls this with the same arguments; the main one writes.
    """
    started = time.monotonic()
    engine = Engine(options.optimiser, options.precision, run.log_dir)
    torch.manual_seed(options.seed)
    episodes = options.split(recording)
    card = new_card(recording.profile, options, encoder_of)
    model = WorldModel(card).to(engine.device)
    taken = None if encoder_of is None else encoder_of.encoder
    progress = Progress(Path(out) / ".progress", identity(recording, card, options, taken), run.resume)
    engine.keep(progress, run.save_every_s)
    encoded = states is not None
    if states is None:
        # Filled in when the encoder is trained; what the recording lacks is told before that takes its minutes.
        states = mapped((len(recording.frames), model.encoder.tokens, model.encoder.dim), run.cache_dir)
    train_clips, labelled_clips, test_clips = (
        make_clips(recording, states, some, options.clip_steps, engine.device)
        for some in (episodes.train, episodes.labelled, episodes.test)
    )
    long_clips, validation_clips, long_validation = labelled_clips, None, None
    if card.goal_distance == "temporal":
        long_clips = distant_clips(recording, states, episodes.train, engine.device)
    elif recording.profile.cameras_move or isinstance(per_view(model.encoder), VideoEncoder):
        # With 1.2 s the places of a rover in a room of 4 m were off by .15 m (median), with 4 s by .06 m. An encoder
        # that only redraws keeps to short ones: commands do not always lead where they say.
        long_clips = distant_clips(recording, states, episodes.labelled, engine.device)
    if len(episodes.validation):
        validation_clips = make_clips(
            recording, states, episodes.validation, options.clip_steps, engine.device
        )
        long_validation = distant_clips(recording, states, episodes.validation, engine.device)
    if reason := beyond_limits(recording):
        raise TrainingError(reason)
    for clips in (labelled_clips, test_clips):
        clips.require_actions(recording.profile.names)
    if taken is None:
        report = phases("encoder", options.encoder_steps)
        train_own_encoder(model, recording, episodes.train, options, report, engine, run.cache_dir)
    else:
        _take_over(model.encoder, taken)
    model.encoder.requires_grad_(False).eval()
    if not encoded:
        encode_all(model.encoder, recording, states)
    for clips in (labelled_clips, test_clips):
        clips.require_motion()
    threads = torch.get_num_threads()
    if options.preset == "tiny":
        # The heads' matrices are small: more threads cost them more than they bring.
        torch.set_num_threads(min(threads, 2))
    material = _Material(train_clips, labelled_clips, long_clips, validation_clips, long_validation)
    chosen = _train_heads(model, options, phases, material, engine)
    torch.set_num_threads(threads)
    model.eval()
    long_test = distant_clips(recording, states, episodes.test, engine.device)
    chosen_on = long_test if long_validation is None else long_validation
    model.card = replace(model.card, reached=calibrate(model, chosen_on, long_test))
    found = {
        **scores.world_model_scores(model, test_clips, options.seed),
        **scores.controller_scores(model, test_clips, options.seed),
        "action_probe_r2": scores.action_probe(labelled_clips, test_clips, options.seed),
    }
    model.card.metrics.update({name: round(value, 4) for name, value in found.items()})
    model.card.training.update(
        options=asdict(options),
        source=source,
        topics=[asdict(topics) for topics in recording.topics],
        episodes=len(episodes.train),
        labelled_episodes=len(episodes.labelled),
        held_out_episodes=len(episodes.validation) + len(episodes.test),
        validation_episodes=len(episodes.validation),
        chosen_at_step=chosen,
        frames=len(recording.frames),
        seconds=round(progress.seconds + time.monotonic() - started),
        threads=threads,
        processes=process_count(),
        per_dimension=scores.dimension_scores(model, test_clips, options.seed),
        versions={"wm_ros": __version__, "torch": torch.__version__, "numpy": np.__version__},
    )
    if engine.is_main:
        save_checkpoint(model, out)
        progress.remove()
    return found


@dataclass(frozen=True)
class _Material:
    """Clips of cached states: of all episodes, of those with commands, long ones for the goal distance; and of the
    episodes that choose among weights, where there are any."""

    train: Clips
    labelled: Clips
    long: Clips
    validation: Clips | None
    long_validation: Clips | None


def _train_heads(
    model: WorldModel, options: TrainOptions, phases: Phases, clips: _Material, engine: Engine
) -> int:
    """World model on all clips, then goal distance on long ones, then controller on those with commands.

    Returns the step of the last phase whose weights were kept: by the error from robot actions on episodes that choose,
    or the last.
    """
    seed = options.seed
    world_model = [model.inverse_dynamics, model.forward_model, model.bottleneck]

    def best_of(parts: list[nn.Module], steps: int, report: Report) -> BestWeights | None:
        if clips.validation is None:
            return None
        return BestWeights(parts, scores.held_out_error(model, clips.validation, seed), steps, report)

    steps, rollouts = options.world_model_steps, options.world_model_rollout_steps
    report = phases("world model", steps)
    if options.labelled:
        train_labelled_world_model(model, clips.labelled, Schedule(steps, seed, report), engine)
        report = phases("world model rollouts", rollouts)
        best = best_of(world_model, rollouts, report)
        train_labelled_rollouts(model, clips.labelled, Schedule(rollouts, seed, best or report), engine)
        chosen = best.restore() if best else rollouts
    else:
        train_world_model(model, clips.train, Schedule(steps, seed, report), engine)
        report = phases("world model rollouts", rollouts)
        train_world_model_rollouts(model, clips.train, Schedule(rollouts, seed, report), engine)
    for part in world_model:
        part.requires_grad_(False)

    _train_distance(model, options, phases, clips, engine)
    if options.labelled:
        return chosen

    steps, rollouts = options.controller_steps, options.controller_rollout_steps
    train_controller(model, clips.labelled, Schedule(steps, seed, phases("controller", steps)), engine)
    report = phases("joint rollouts" if options.joint else "controller rollouts", rollouts)
    best = best_of([*world_model, model.controller, model.controller_inverse], rollouts, report)
    schedule = Schedule(rollouts, seed, best or report)
    if options.joint:
        train_jointly(model, clips.train, clips.labelled, schedule, engine)
    else:
        train_controller_rollouts(model, clips.labelled, schedule, engine)
    return best.restore() if best else rollouts


def _train_distance(
    model: WorldModel, options: TrainOptions, phases: Phases, clips: _Material, engine: Engine
) -> None:
    """Train the model's goal distance, of whichever kind; the temporal one keeps what does best on other episodes."""
    distance, steps, seed = model.goal_distance, options.goal_distance_steps, options.seed
    report = phases("goal distance", steps)
    if isinstance(distance, TemporalDistance):
        best = None
        if clips.long_validation is not None:
            best = BestWeights([distance], held_out_contrast(distance, clips.long_validation), steps, report)
        train_temporal_distance(distance, clips.long, Schedule(steps, seed, best or report), engine)
        if best:
            best.restore()
        measure_step(distance, clips.long)
    else:
        train_goal_distance(model, clips.long, Schedule(steps, seed, report), engine)
    distance.requires_grad_(False)


def train_own_encoder(
    model: WorldModel,
    recording: Recording,
    episodes: np.ndarray,
    options: TrainOptions,
    report: Report,
    engine: Engine,
    cache_dir: Path | None,
) -> None:
    """Train a model's encoder, of a kind that is trained here, on these episodes [E]."""
    encoder, schedule = model.encoder, Schedule(options.encoder_steps, options.seed, report)
    if isinstance(per_view(encoder), VideoEncoder):
        odometry, by_time = Odometry(recording, model), model.card.goal_distance == "temporal"
        video = cast(VideoEncoder, encoder)
        train_video_encoder(video, recording, episodes, schedule, engine, odometry, by_time, cache_dir)
        return
    taught_by = Odometry(recording, model) if recording.profile.cameras_move else None
    tiny = cast(TinyEncoder, encoder)
    train_encoder(tiny, recording, episodes, schedule, engine, cache_dir, taught_by)


def _take_over(encoder: Encoder, taken: nn.Module) -> None:
    """Have the weights of another encoder. One of single pictures is that of each camera's."""
    if isinstance(taken, SeveralViews) and taken.views != encoder.views:
        raise TrainingError(
            f"the encoder to be taken over is of {taken.views} cameras, this robot has {encoder.views}: take one of "
            "single pictures, or of as many"
        )
    (encoder if isinstance(taken, SeveralViews) else per_view(encoder)).load_state_dict(taken.state_dict())


def new_card(
    profile: RobotProfile, options: TrainOptions, encoder_of: WorldModel | EncoderCheckpoint | None = None
) -> Card:
    """The card of the model that these options train for a robot."""
    encoder = own_encoder(profile, options) if encoder_of is None else encoder_of.card.encoder
    with torch.device("meta"):
        built = build_encoder(encoder) if encoder_of is None else per_view(cast(Encoder, encoder_of.encoder))
    tokens, dim = len(profile.cameras) * built.tokens, built.dim
    sizes = preset_for(options.preset, tokens, dim, len(profile.action))
    return Card(
        encoder=encoder,
        robot=profile,
        latent_action_dim=len(profile.action) if options.labelled else sizes.latent_action_dim,
        action_scale=tuple(np.maximum(-profile.low, profile.high).tolist()),
        inverse_dynamics=sizes.inverse_dynamics,
        forward_model=sizes.forward_model,
        controller=sizes.controller,
        controller_kind=options.controller,
        goal_distance=options.goal_distance or ("temporal" if encoder["name"] == "video" else "displacement"),
        bottleneck=complete_options({"name": LABELLED} if options.labelled else options.bottleneck),
        licence="Apache-2.0" if encoder_of is None else encoder_of.card.licence,
    )


def own_encoder(profile: RobotProfile, options: TrainOptions) -> dict[str, Any]:
    """The encoder that these options train for a robot, as a card describes it; TrainingError for an unknown kind."""
    if options.encoder_kind not in TRAINED_HERE:
        raise TrainingError(
            f"no encoder is called {options.encoder_kind!r}; known: {', '.join(TRAINED_HERE)}"
        )
    if options.encoder_kind == "video":
        return {
            "name": "video",
            "size": 64,
            "tokens": 16,
            "features": (options.state_dim or 8) - 2,
            "width": 48,
        }
    dim = options.state_dim or (16 if profile.cameras_move else 8)
    return {"name": "tiny", "size": 64, "dim": dim, "width": 48}
