"""`wm_ros train` as a process: killed and resumed, several at once, in bf16, and in bounded memory."""

import json
import random
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

pytest.importorskip("torch")
pytest.importorskip("accelerate")
pytest.importorskip("mujoco")
pytest.importorskip("rosbags")

import torch
from safetensors.torch import load_file
from training_harness import called, environment

from wm_ros.models.checkpoint import load_checkpoint
from wm_ros.robots.profile import load_profile
from wm_ros.tasks.record import record_sim
from wm_ros.training import scores

ARM = load_profile("arm")
# The global batch is the same; sums over it are taken in another order.
LOSS_TOLERANCE, WEIGHT_TOLERANCE = 1e-4, 1e-3
ALONE, TOGETHER = (), ("-m", "torch.distributed.run", "--nproc-per-node", "2")


@pytest.fixture(scope="module")
def bag(tmp_path_factory):
    path = tmp_path_factory.mktemp("recorded") / "bag"
    record_sim(ARM, path, episodes=9, seconds=3.6)  # 8 to train on
    return path


@pytest.fixture(scope="module")
def whole(bag, tmp_path_factory):
    """A training that nothing happens to, and its logs."""
    folder = tmp_path_factory.mktemp("whole")
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(scores, "PROBE_STEPS", 20)
        done = called(*options(bag, folder / "model", "--log-dir", folder / "logs"))
    assert done.exit_code == 0, done.output
    return folder / "model", folder / "logs"


def options(bag, out, *more, seed=3):
    return ("train", bag, "--out", out, "--effort", "0.002", "--seed", seed, "--num-threads", "1", *more)


def command(*arguments, launch=ALONE, **more):
    return [sys.executable, *launch, "-m", "brief_wm_ros", *map(str, options(*arguments, **more))]


def train(*arguments, **more):
    return subprocess.run(command(*arguments, **more), capture_output=True, text=True, env=environment())


def killed_after(lines, arguments):
    """Kill it, without warning, once it has reported so many steps."""
    child = subprocess.Popen(arguments, stdout=subprocess.PIPE, text=True, env=environment())
    seen = 0
    for line in child.stdout:
        seen += "/" in line.split("  ")[0]
        if seen == lines:
            child.kill()
    child.stdout.close()
    assert child.wait() == -9
    return seen


def weights_of(folder):
    return (Path(folder) / "weights.safetensors").read_bytes()


def test_a_killed_training_resumes_to_the_same_weights(bag, whole, tmp_path):
    """Twice at random, by the same command with --resume; and nobody else's progress is gone on with."""
    out, going_on = tmp_path / "model", ("--save-every", "0", "--resume")
    lines = sorted(random.SystemRandom().sample(range(2, 22), 2))
    print("killed after steps", lines)
    killed_after(lines[0], command(bag, out, *going_on))
    killed_after(lines[1] - lines[0] + 1, command(bag, out, *going_on))
    assert [path.name for path in out.iterdir()] == [".progress"]

    refused = called(*options(bag, out))
    assert refused.exit_code == 2
    assert "holds the progress of a training that was ended: --resume goes on with it" in refused.output
    other = called(*options(bag, out, "--resume", seed=4))
    assert other.exit_code == 1
    assert "options.seed was 3 and is 4" in str(other.exception)

    done = train(bag, out, *going_on)
    assert done.returncode == 0, done.stderr
    assert f"goes on with the progress in {out}" in done.stdout.replace("\n", "")
    assert weights_of(out) == weights_of(whole[0])
    assert sorted(path.name for path in out.iterdir()) == ["card.json", "weights.safetensors"]


def test_two_processes_train_as_one(bag, whole, tmp_path):
    pytest.importorskip("tensorboard")
    done = train(bag, tmp_path / "model", "--log-dir", tmp_path / "logs", launch=TOGETHER)
    assert done.returncode == 0, done.stderr
    assert done.stdout.count("checkpoint: ") == 1
    assert load_checkpoint(tmp_path / "model").card.training["processes"] == 2
    expected, found = (losses(folder) for folder in (whole[1], tmp_path / "logs"))
    assert list(expected) == [
        "controller",
        "encoder",
        "goal_distance",
        "joint_rollouts",
        "world_model",
        "world_model_rollouts",
    ]
    assert found.keys() == expected.keys()
    for phase, curve in expected.items():
        np.testing.assert_allclose(found[phase], curve, rtol=LOSS_TOLERANCE, err_msg=phase)
    expected, found = (load_file(folder / "weights.safetensors") for folder in (whole[0], tmp_path / "model"))
    for name, weight in expected.items():
        torch.testing.assert_close(found[name], weight, rtol=0.0, atol=WEIGHT_TOLERANCE, msg=name)


def losses(folder):
    """The curve of each phase; one file each, since only the main process writes."""
    from tensorboard.backend.event_processing.event_accumulator import EventAccumulator

    curves = {}
    for run in sorted(folder.iterdir()):
        assert len(list(run.iterdir())) == 1
        events = EventAccumulator(str(run)).Reload()
        (name,) = (tag for tag in events.Tags()["scalars"] if tag.endswith("/loss"))
        curves[run.name] = [scalar.value for scalar in events.Scalars(name)]
    return curves


def test_a_batch_that_cannot_be_divided_is_told(tmp_path):
    record_sim(ARM, tmp_path / "bag", episodes=4, seconds=3.6)
    done = train(tmp_path / "bag", tmp_path / "out", launch=TOGETHER)
    assert done.returncode == 1
    assert "wm_ros: a batch of 3 cannot be divided among 2 processes" in done.stderr


def test_bf16_and_muon_train_another_model_that_works(bag, whole, tmp_path):
    done = train(bag, tmp_path / "model", "--precision", "bf16", "--optimiser", "muon")
    assert done.returncode == 0, done.stderr
    card = json.loads((tmp_path / "model" / "card.json").read_text())
    assert (card["training"]["options"]["precision"], card["training"]["options"]["optimiser"]) == (
        "bf16",
        "muon",
    )
    assert np.isfinite(list(card["metrics"].values())).all()
    weights = load_file(tmp_path / "model" / "weights.safetensors")
    assert {weight.dtype for weight in weights.values()} == {torch.float32}
    assert weights_of(tmp_path / "model") != weights_of(whole[0])


def test_memory_does_not_grow_with_the_recording():
    from wm_ros.bench.training import compare_memory

    shorter, longer = compare_memory(1000).values()
    assert longer["frames_mb"] > shorter["frames_mb"] + 100
    # Commands, stamps and indexes of a frame are some hundred bytes; the rest is how the allocator packs.
    assert longer["anonymous_mb"] < shorter["anonymous_mb"] + 60


def test_steps_on_cached_states_and_steps_that_encode_are_timed_in_every_phase(monkeypatch):
    from wm_ros.bench import training

    monkeypatch.setattr(training, "STEPS", 2)
    monkeypatch.setattr(training, "TURNS", 1)
    table = training.compare_steps()
    assert list(table) == ["world model", "world model rollouts", "goal distance", "controller", "all"]
    for row in table.values():
        assert min(row["cached_ms"], row["encoding_ms"], row["times_faster"]) > 0.0
