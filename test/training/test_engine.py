"""The training loop by itself, on a few numbers: what it stops at, logs and optimises with, and how it goes on."""

import resource

import numpy as np
import pytest

pytest.importorskip("torch")
pytest.importorskip("accelerate")

import torch
from torch import nn

from wm_ros.models.blocks import Block
from wm_ros.training import engine as engine_module
from wm_ros.training.engine import Engine
from wm_ros.training.optimise import Schedule, TrainingError, hidden_matrices, make_optimisers
from wm_ros.training.progress import Progress

STEPS = 8
RUN = {"options": {"seed": 3, "labelled": False}, "data": {"frames": "10x4x4x3"}}


class Ended(Exception):
    """In place of a kill."""


class Toy:
    """A block and a linear layer that learn to repeat noise, drawn from every kind of generator there is."""

    def __init__(self, optimiser="adamw"):
        torch.manual_seed(0)
        self.modules = [Block(8, 2), nn.Linear(8, 8)]
        self.engine = Engine(optimiser)
        self.choose, self.generator = np.random.default_rng(1), torch.Generator().manual_seed(2)
        self.steps = []

    def loss(self):
        x = torch.from_numpy(self.choose.normal(size=(4, 3, 8)).astype(np.float32))
        x = x + torch.randn(x.shape, generator=self.generator) + torch.randn(x.shape)
        value = (self.modules[1](self.modules[0](x)) - x).square().mean()
        return value, {"twice": 2 * value.item()}

    def train(self, phase="toy", report=None, loss=None):
        def count(step, figures):
            self.steps.append(step)
            if report is not None:
                report(step, figures)

        draws = [self.choose, self.generator]
        self.engine.optimise(phase, self.modules, loss or self.loss, Schedule(STEPS, 0, count), 1e-2, draws)
        return self

    def keep(self, folder, resume=True, run=RUN, every_s=0.0):
        self.engine.keep(Progress(folder, run, resume), every_s)
        return self

    def weights(self):
        return torch.cat(
            [value.detach().flatten() for module in self.modules for value in module.parameters()]
        )


class Clock:
    """In place of the module `time` of the engine."""

    def __init__(self):
        self._now_s = 0.0
        self.monotonic = self.perf_counter = lambda: self._now_s

    def pass_s(self, seconds):
        self._now_s += seconds


@pytest.fixture
def clock(monkeypatch):
    clock = Clock()
    monkeypatch.setattr(engine_module, "time", clock)
    return clock


def end_at(last):
    def report(step, figures):
        if step == last:
            raise Ended

    return report


@pytest.mark.parametrize("optimiser", ["adamw", "muon"])
@pytest.mark.parametrize("last", [1, 2, 5, STEPS])
def test_what_was_ended_goes_on_to_the_same_weights(tmp_path, optimiser, last):
    """A step is lost when the end comes before it is saved, and trained again."""
    whole = Toy(optimiser).train()
    with pytest.raises(Ended):
        Toy(optimiser).keep(tmp_path / "kept").train(report=end_at(last))
    resumed = Toy(optimiser).keep(tmp_path / "kept").train()
    assert torch.equal(resumed.weights(), whole.weights())
    told = [last - 1] if last > 1 else []
    assert resumed.steps == [*told, *range(last, STEPS + 1)]


def test_a_finished_phase_is_not_trained_again_and_the_next_draws_on_where_it_was(tmp_path):
    whole = Toy().train("one").train("two")
    first = Toy().keep(tmp_path / "kept").train("one")
    assert len(list((tmp_path / "kept").glob("*.safetensors"))) == 1
    resumed = Toy().keep(tmp_path / "kept").train("one")
    assert resumed.steps == [STEPS]
    assert torch.equal(resumed.weights(), first.weights())
    assert torch.equal(resumed.train("two").weights(), whole.weights())
    assert {path.suffix for path in (tmp_path / "kept").iterdir()} == {".safetensors", ".json"}


class Remembering:
    """A report that keeps the figures of all steps, and is ended at one."""

    def __init__(self, last=None):
        self.figures, self.last = {}, last

    def __call__(self, step, figures):
        self.figures[str(step)] = figures.get("twice", self.figures.get(str(step)))
        if step == self.last:
            raise Ended

    def state_dict(self):
        return {step: torch.tensor(value, dtype=torch.float64) for step, value in self.figures.items()}

    def load_state_dict(self, state):
        self.figures = {step: value.item() for step, value in state.items()}


def test_a_report_that_remembers_goes_on_too(tmp_path):
    def told(folder, last=None):
        toy, report = Toy().keep(folder), Remembering(last)
        toy.engine.optimise(
            "toy", toy.modules, toy.loss, Schedule(STEPS, 0, report), 1e-2, [toy.choose, toy.generator]
        )
        return report.figures

    with pytest.raises(Ended):
        told(tmp_path / "kept", last=5)
    whole = told(tmp_path / "whole")
    assert told(tmp_path / "kept") == whole
    assert told(tmp_path / "kept") == whole  # all steps are done
    assert len(whole) == STEPS


def test_progress_is_saved_as_seldom_as_asked_and_when_a_phase_is_finished(tmp_path, monkeypatch, clock):
    saved, save = [], Progress.save
    monkeypatch.setattr(Progress, "save", lambda self, *a: (saved.append(a[1]), save(self, *a)))
    Toy().keep(tmp_path / "kept", every_s=25.0).train(report=lambda step, figures: clock.pass_s(10.0))
    assert saved == [3, 6, STEPS]


def test_a_full_disk_leaves_the_progress_before_whole(tmp_path):
    limits = resource.getrlimit(resource.RLIMIT_FSIZE)

    def fill(step, figures):
        if step == 4:
            resource.setrlimit(resource.RLIMIT_FSIZE, (1000, limits[1]))

    toy = Toy().keep(tmp_path / "kept")
    try:
        with pytest.raises(TrainingError) as told:
            toy.train(report=fill)
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, limits)
    for word in ("toy: the progress at step 4 cannot be written", "kept", "too large", "go on by --resume"):
        assert word in str(told.value)
    assert sorted(path.name for path in (tmp_path / "kept").iterdir()) == ["run.json", "toy.safetensors"]
    resumed = Toy().keep(tmp_path / "kept").train()
    assert resumed.steps[:2] == [3, 4]
    assert torch.equal(resumed.weights(), Toy().train().weights())


def test_a_loss_that_is_not_finite_is_told_before_it_reaches_a_weight_or_the_progress(tmp_path):
    toy = Toy().keep(tmp_path / "kept")
    values = iter([1.0, 1.0, float("inf")])

    def loss():
        value, figures = toy.loss()
        return value * next(values), figures

    with pytest.raises(TrainingError) as told:
        toy.train("encoder", loss=loss)
    for word in ("encoder: loss is inf at step 3 of 8", "lower the learning rate (0.01)", "`wm_ros inspect`"):
        assert word in str(told.value)
    assert toy.steps == [1, 2]
    assert toy.weights().isfinite().all()
    assert torch.equal(Toy().keep(tmp_path / "kept").train("encoder").weights(), Toy().train().weights())


def test_progress_of_another_training_is_refused_with_what_differs(tmp_path):
    with pytest.raises(Ended):
        Toy().keep(tmp_path / "kept").train(report=end_at(3))
    with pytest.raises(TrainingError, match="holds the progress of a training: go on with it by --resume"):
        Toy().keep(tmp_path / "kept", resume=False)
    other = {"options": {"seed": 4, "labelled": False, "precision": "bf16"}, "data": RUN["data"]}
    with pytest.raises(TrainingError) as told:
        Toy().keep(tmp_path / "kept", run=other)
    for word in ("options.seed was 3 and is 4", "options.precision was None and is bf16", "the same data"):
        assert word in str(told.value)
    assert "labelled" not in str(told.value)


@pytest.mark.parametrize("name", ["toy.safetensors", "run.json"])
def test_damaged_progress_is_named(tmp_path, name):
    with pytest.raises(Ended):
        Toy().keep(tmp_path / "kept").train(report=end_at(3))
    path = tmp_path / "kept" / name
    path.write_bytes(path.read_bytes()[:50])
    with pytest.raises(TrainingError, match=name):
        Toy().keep(tmp_path / "kept").train()


def test_muon_takes_the_matrices_of_blocks_and_adamw_the_rest():
    modules = Toy().modules
    muon, adamw = make_optimisers("muon", modules, 1e-2)
    assert type(muon) is torch.optim.Muon
    assert type(adamw) is torch.optim.AdamW
    matrices = muon.param_groups[0]["params"]
    assert {id(weight) for weight in matrices} == {
        id(weight) for weight in modules[0].parameters() if weight.ndim == 2
    }
    assert len(matrices) + len(adamw.param_groups[0]["params"]) == len(
        list(nn.ModuleList(modules).parameters())
    )
    assert (muon.defaults["lr"], adamw.defaults["lr"]) == (0.02, 6.25e-4)
    assert muon.defaults["weight_decay"] == adamw.defaults["weight_decay"] == 0.04
    # Without blocks there is nothing for it.
    (alone,) = make_optimisers("muon", modules[1:], 1e-2)
    assert (type(alone), alone.defaults["lr"]) == (torch.optim.AdamW, 1e-2)
    assert hidden_matrices(modules[1:]) == []


@pytest.mark.parametrize("optimiser", ["adamw", "muon"])
def test_each_optimiser_lowers_the_loss(optimiser):
    toy, values = Toy(optimiser), []
    x = torch.randn(4, 3, 8, generator=torch.Generator().manual_seed(0))

    def loss():
        return (toy.modules[1](toy.modules[0](x)) - 1.0).square().mean(), {}

    before = toy.weights()
    schedule = Schedule(60, 0, lambda step, figures: values.append(loss()[0].item()))
    toy.engine.optimise("toy", toy.modules, loss, schedule, 1e-2, [])
    assert values[-1] < 0.3 * values[0]
    assert (toy.weights() != before).float().mean() > 0.9


def test_what_cannot_be_optimised_with_is_told(monkeypatch):
    with pytest.raises(TrainingError, match="no optimiser is called 'sgd'; known: adamw, muon"):
        Engine("sgd")
    with pytest.raises(TrainingError, match="no precision is called 'fp8'; known: fp32, bf16"):
        Engine(precision="fp8")
    monkeypatch.delattr(torch.optim, "Muon")
    with pytest.raises(TrainingError, match=r"muon needs torch 2\.9 or newer, this is 2"):
        Engine("muon")


def test_waiting_is_the_share_of_a_step_that_goes_into_data(clock):
    toy, seen = Toy(), []

    def loss():
        for _ in range(2):
            with toy.engine.fetching():
                clock.pass_s(1.0)
        clock.pass_s(6.0)
        return toy.loss()

    toy.train(loss=loss, report=lambda step, figures: seen.append(figures["waiting"]))
    assert seen == pytest.approx([0.25] * STEPS)


def test_every_figure_of_every_step_is_logged_once_even_when_the_training_was_ended(tmp_path):
    pytest.importorskip("tensorboard")
    from tensorboard.backend.event_processing.event_accumulator import EventAccumulator

    def logging():
        toy = Toy()
        toy.engine = Engine(log_dir=tmp_path / "logs")
        return toy.keep(tmp_path / "kept", every_s=1e9)

    with pytest.raises(Ended):
        logging().train("a phase", report=end_at(5))
    seen = []
    logging().train("a phase", report=lambda step, figures: seen.append(figures["twice"]))
    events = EventAccumulator(str(tmp_path / "logs" / "a_phase")).Reload()
    assert events.Tags()["scalars"] == ["a phase/loss", "a phase/twice"]
    for name, factor in (("twice", 1.0), ("loss", 0.5)):
        scalars = events.Scalars(f"a phase/{name}")
        assert [scalar.step for scalar in scalars] == list(range(1, STEPS + 1))
        assert [scalar.value for scalar in scalars] == pytest.approx(
            [factor * value for value in seen], rel=1e-6
        )
