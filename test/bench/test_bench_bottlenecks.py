"""All bottlenecks compared on a bag of the embedded arm: real, tiny, gone on with, in one process or several."""

import json
import os
import shutil
import signal
import subprocess
import sys
import time
from dataclasses import replace
from functools import partial
from pathlib import Path

import pytest

pytest.importorskip("torch")
pytest.importorskip("mujoco")
pytest.importorskip("rosbags")
pytest.importorskip("matplotlib")

from checkpoint_harness import write_checkpoint
from evaluation_harness import Here
from safetensors.torch import load_file
from small_bag import record_small_bag
from training_harness import environment
from typer.testing import CliRunner

from wm_ros.bench.bottlenecks import sweep as sweeping
from wm_ros.bench.bottlenecks import worker
from wm_ros.bench.bottlenecks.encoder import WEIGHTS, prepare
from wm_ros.bench.bottlenecks.report import why_no_goals
from wm_ros.bench.bottlenecks.runs import MODELS, SweepError
from wm_ros.bench.bottlenecks.sweep import SweepOptions, sweep
from wm_ros.cli import app
from wm_ros.data.load import load_recording
from wm_ros.evaluation import plan_error
from wm_ros.models.bottlenecks.option import BottleneckError
from wm_ros.models.checkpoint import load_checkpoint
from wm_ros.robots.profile import load_profile
from wm_ros.tasks import lockstep
from wm_ros.tasks.embedded import ROBOTS
from wm_ros.tasks.lockstep import LockstepOptions
from wm_ros.tasks.record import record_sim
from wm_ros.training import scores
from wm_ros.training.optimise import TrainingError
from wm_ros.training.train import TrainOptions, train

ARM = load_profile("arm")


def be_brief(patch):
    """Score and drive for little time."""
    patch.setattr(scores, "PROBE_STEPS", 5)
    patch.setattr(plan_error, "CLIPS", 4)
    patch.setattr(lockstep, "LockstepOptions", partial(LockstepOptions, limit_s=0.5))


def work_briefly(shared, run, report):
    """In a worker, which is another process."""
    with pytest.MonkeyPatch.context() as patch:
        be_brief(patch)
        worker.work(shared, run, report)


@pytest.fixture(scope="module", autouse=True)
def brief():
    with pytest.MonkeyPatch.context() as patch:
        be_brief(patch)
        patch.setattr(sweeping, "work", work_briefly)
        yield


@pytest.fixture
def here(monkeypatch):
    """Runs are worked off in this process, where all is imported."""
    monkeypatch.setattr(sweeping, "Workers", Here)


@pytest.fixture(scope="module")
def bag(tmp_path_factory):
    return record_small_bag(tmp_path_factory.mktemp("recorded"))


@pytest.fixture(scope="module")
def recording(bag):
    return load_recording(bag, ARM)


class View:
    """Remembers what it is told."""

    def __init__(self):
        self.left, self.phases, self.shares, self.finished, self.failed = None, [], {}, {}, {}

    def phase(self, name, steps):
        self.phases.append(name)
        return lambda step, figures: None

    def begin(self, runs):
        self.left = runs

    def progress(self, run, phase, share, figures):
        self.shares.setdefault(run, []).append(share)

    def done(self, run, figures, error):
        (self.failed if error else self.finished)[run] = error or figures


def called(*arguments):
    brief = ("--effort", "0.001", "--goals", "0")
    return CliRunner().invoke(
        app, ["bench", "bottlenecks", *map(str, arguments), *brief], env={"COLUMNS": "250"}
    )


def files(folder):
    """Every file below a folder with its time of writing and content."""
    return {
        path.relative_to(folder): (path.stat().st_mtime_ns, path.read_bytes())
        for path in folder.rglob("*")
        if path.is_file()
    }


@pytest.fixture(scope="module")
def compared(bag, tmp_path_factory):
    """What the command wrote for two seeds, and what it printed."""
    out = tmp_path_factory.mktemp("compared") / "out"
    result = called(bag, "--out", out, "--seeds", "2", "--jobs", "2")
    assert result.exit_code == 0, result.output
    return out, result.output


# The command


def test_every_model_and_seed_has_a_checkpoint_with_the_same_encoder(compared):
    out, _ = compared
    models = {
        f"{name}-{seed}": load_checkpoint(out / f"{name}-{seed}") for name in MODELS for seed in range(2)
    }
    first = models["noise-0"].encoder.state_dict()
    for name, model in models.items():
        kind, seed = name.rsplit("-", 1)
        assert model.card.bottleneck["name"] == ("labelled" if kind == "action-labelled" else kind)
        assert model.card.training["options"]["seed"] == int(seed)
        assert model.card.training["options"]["split_seed"] == 0
        assert model.card.training["frames"] > 100
        assert all((model.encoder.state_dict()[key] == first[key]).all() for key in first)


def test_the_table_holds_the_figures_of_the_checkpoints(compared):
    out, _ = compared
    table = json.loads((out / "table.json").read_text())
    assert list(table["rows"]) == [*MODELS, "random actions", "no action"]
    for name in MODELS:
        row = table["rows"][name]
        assert set(table["figures"]) - {"planning_success"} <= set(row)
        metrics = [load_checkpoint(out / f"{name}-{seed}").card.metrics for seed in range(2)]
        for figure in (
            "one_step",
            "leakage",
            "cycle",
            "action_gap_zero",
            "controller_gap",
            "latent_action_r2",
        ):
            assert row[figure]["by_seed"] == [found[figure] for found in metrics]
        assert row["plan_error_rad"]["low"] > 0
    assert table["rows"]["deterministic"]["one_step_position"]["by_seed"] == [1.0, 1.0]
    assert table["left_out"] == {"planning_success": "--goals 0"}
    assert set(table["rows"]["no action"]) == {"plan_error_rad"}
    about = table["about"]
    assert (about["recording"], about["seeds"], about["effort"]) == ("bag", 2, 0.001)
    assert "3 to train on, 3 of them with commands" in about["episodes"]
    assert "torch" in about["versions"]


def test_the_table_is_written_for_people_too(compared):
    out, printed = compared
    text = (out / "table.md").read_text()
    assert (
        "| | noise | sparse | discrete | none | deterministic | action-labelled | random actions | no action |"
        in text
    )
    assert "- no planning success: --goals 0" in text
    assert (out / "table.png").stat().st_size > 10_000
    assert "no planning success: --goals 0" in printed
    assert "action-labelled-1: one_step" in printed
    assert "controller gap" in printed


def test_the_same_command_repeats_nothing(compared, bag):
    out, _ = compared
    before = files(out)
    result = called(bag, "--out", out, "--seeds", "2")
    assert result.exit_code == 0, result.output
    assert "0 runs to do" in result.output
    after = files(out)
    renewed = {str(path) for path in before if after[path][0] != before[path][0]}
    assert renewed == {"sweep.json", "table.json", "table.md", "table.png"}
    assert all(after[path][1] == before[path][1] for path in before)


def test_other_options_are_refused_by_name(compared, bag, tmp_path):
    out, _ = compared
    before = files(out)
    result = called(bag, "--out", out, "--encoder-from", write_checkpoint(tmp_path / "other", ARM))
    assert isinstance(result.exception, SweepError)
    assert "encoder_from was none and is" in str(result.exception)
    record_sim(ARM, tmp_path / "bag", episodes=4, seconds=3.6, seed=1)
    result = called(tmp_path / "bag", "--out", out)
    assert isinstance(result.exception, SweepError)
    assert "data.pictures was" in str(result.exception)
    assert files(out) == before


def test_a_run_that_was_trained_otherwise_is_refused_by_name(compared, bag, tmp_path):
    shutil.copytree(compared[0], tmp_path / "out")
    card = tmp_path / "out" / "sparse-1" / "card.json"
    content = json.loads(card.read_text())
    content["training"]["options"]["clip_steps"] = 9
    card.write_text(json.dumps(content))
    result = called(bag, "--out", tmp_path / "out", "--seeds", "2")
    assert isinstance(result.exception, SweepError)
    assert "sparse-1 was trained with other options: clip_steps was 9 and is 6" in str(result.exception)


def test_a_folder_of_something_else_is_left_alone(bag, tmp_path):
    (tmp_path / "mine").write_text("mine")
    result = called(bag, "--out", tmp_path)
    assert isinstance(result.exception, SweepError)
    assert "nothing is overwritten" in str(result.exception)
    assert [path.name for path in tmp_path.iterdir()] == ["mine"]


# The runs


def swept(recording, out, options, models, monkeypatch, **arguments):
    monkeypatch.setattr(sweeping, "MODELS", models)
    view = View()
    runs = sweep(recording, out, options, "a test", view, **arguments)
    return {run.name: run.figures for run in runs}, view


def taken_encoder(folder, seed):
    model = load_checkpoint(write_checkpoint(folder, ARM, weight=0.3))
    model.card.training["options"] = {"seed": seed}
    return model


def brief_options(**options):
    return SweepOptions(**{"seeds": 1, "goals": 0, "effort": 0.001, "jobs": 1, **options})


def test_one_job_comes_to_what_two_come_to(compared, recording, tmp_path, monkeypatch):
    models = ("noise", "discrete", "action-labelled")
    figures, view = swept(recording, tmp_path / "out", brief_options(), models, monkeypatch)
    assert view.phases == ["encoder"]
    assert view.finished == figures
    for name in ("noise-0", "discrete-0", "action-labelled-0"):
        weights = [
            (folder / name / "weights.safetensors").read_bytes() for folder in (tmp_path / "out", compared[0])
        ]
        assert weights[0] == weights[1]
    table = json.loads((compared[0] / "table.json").read_text())["rows"]
    assert figures["noise-0"]["leakage"] == table["noise"]["leakage"]["by_seed"][0]
    assert figures["random-0"]["plan_error_rad"] == table["random actions"]["plan_error_rad"]["by_seed"][0]
    assert figures["noise-0"]["plan_error_rad"] == table["noise"]["plan_error_rad"]["by_seed"][0]
    for shares in view.shares.values():
        assert shares == sorted(shares)
        assert 0.0 < shares[0] <= shares[-1] <= 1.0


def test_more_seeds_and_goals_go_on_from_what_there_is(recording, tmp_path, monkeypatch, here):
    out = tmp_path / "out"
    swept(recording, out, brief_options(), ("none",), monkeypatch)
    before = files(out)
    figures, view = swept(recording, out, brief_options(seeds=2, goals=1), ("none",), monkeypatch)
    assert view.phases == []  # the encoder is there
    assert view.left == 4
    after = files(out)
    renewed = {str(path) for path in before if after[path][0] != before[path][0]}
    assert renewed == {"sweep.json", "none-0/bench.json", "random-0/bench.json"}
    assert list(figures) == ["none-0", "random-0", "none-1", "random-1"]
    assert figures["random-1"]["planning_success"] == 0.0
    assert figures["none-0"]["planning_success"] in (0.0, 1.0)
    assert {"one_step", "plan_error_rad"} <= set(figures["none-0"])


def test_a_bottleneck_is_varied_beside_its_default(recording, bag, tmp_path, monkeypatch, here):
    monkeypatch.setattr(sweeping, "MODELS", ("discrete", "none", "deterministic"))
    out = tmp_path / "out"
    vary = ("--vary", "discrete=16,256", "--vary", "noise=0.0004")  # 256 codes are there by default
    result = called(bag, "--out", out, "--seeds", "1", *vary)
    assert result.exit_code == 0, result.output
    rows = json.loads((out / "table.json").read_text())["rows"]
    assert [name for name in rows if "=" in name] == ["discrete, codes = 16", "noise, beta = 0.0004"]
    assert load_checkpoint(out / "discrete-codes16-0").card.bottleneck == {"name": "discrete", "codes": 16}
    assert load_checkpoint(out / "noise-beta0.0004-0").card.bottleneck == {"name": "noise", "beta": 0.0004}
    assert "one_step_position" in rows["noise, beta = 0.0004"]
    assert (out / "capacity.png").stat().st_size > 10_000


def test_a_run_that_fails_does_not_keep_the_others_from_finishing(recording, tmp_path, monkeypatch):
    monkeypatch.setattr(sweeping, "MODELS", ("unheard", "none"))
    taken, view = taken_encoder(tmp_path / "other", seed=3), View()
    with pytest.raises(BottleneckError, match="unknown bottleneck 'unheard'"):
        sweep(recording, tmp_path / "out", brief_options(), "a test", view, encoder_of=taken)
    assert list(view.failed) == ["unheard-0"]
    assert list(view.finished) == ["none-0", "random-0"]
    # The encoder that was taken over is that of the run, and what it had not seen is held out.
    assert view.phases == []
    model, weights = load_checkpoint(tmp_path / "out" / "none-0"), taken.encoder.state_dict()
    assert all((model.encoder.state_dict()[key] == weights[key]).all() for key in weights)
    assert model.card.training["options"]["split_seed"] == 3


@pytest.mark.parametrize(("robot", "kind"), [("arm", "video"), ("rover", "tiny")])
def test_the_shared_encoder_is_the_one_that_a_training_would_have(robot, kind, tmp_path):
    profile, options = load_profile(robot), replace(TrainOptions().scaled(0.001), encoder_kind=kind)
    record_sim(profile, tmp_path / "bag", episodes=4, seconds=5.0)
    recording, phases = load_recording(tmp_path / "bag", profile), View().phase
    (tmp_path / "shared").mkdir()
    prepare(tmp_path / "shared", recording, options, {}, None, phases, None)
    train(recording, tmp_path / "model", options, "a test", phases)
    shared = load_file(tmp_path / "shared" / WEIGHTS)
    trained = load_checkpoint(tmp_path / "model").encoder.state_dict()
    assert list(shared) == sorted(trained)
    assert all((shared[name] == weight).all() for name, weight in trained.items())


def test_a_bag_without_commands_is_told_before_anything_is_trained(recording, tmp_path):
    with pytest.raises(TrainingError, match="the recording has no commands"):
        sweep(replace(recording, commands=None), tmp_path / "out", brief_options(), "a test", View())
    assert not (tmp_path / "out" / "states.npy").exists()


def living(group):
    """Processes of a group that have not ended."""
    found = []
    for stat in Path("/proc").glob("[0-9]*/stat"):
        try:
            state, _, of = stat.read_text().rpartition(")")[2].split()[:3]
        except (FileNotFoundError, ProcessLookupError):
            continue
        if int(of) == group and state != "Z":
            found.append(stat.parent.name)
    return found


@pytest.mark.skipif(sys.platform != "linux", reason="looks at /proc")
def test_an_interrupted_command_leaves_no_process_behind(bag, tmp_path):
    out = tmp_path / "out"
    arguments = ("bench", "bottlenecks", bag, "--out", out, "--effort", "0.001", "--goals", "0")
    command = [sys.executable, "-m", "brief_wm_ros", *map(str, arguments)]
    process = subprocess.Popen(
        command,
        stdout=subprocess.PIPE,
        text=True,
        env=environment(),
        start_new_session=True,
        # What a shell starts in the background ignores SIGINT, and so would all that it starts.
        preexec_fn=lambda: signal.signal(signal.SIGINT, signal.SIG_DFL),
    )
    try:
        while not process.stdout.readline().startswith("21 runs to do"):
            assert process.poll() is None
        # A worker is at it.
        while not (out / "noise-0" / "weights.safetensors").is_file():
            assert process.poll() is None
            time.sleep(0.05)
        process.send_signal(signal.SIGINT)  # to the parent alone
        process.communicate()
        assert process.returncode == 130
        # The resource tracker of multiprocessing ends as soon as it sees that the parent has.
        while living(process.pid):
            time.sleep(0.05)
    finally:
        if living(process.pid):
            os.killpg(process.pid, signal.SIGKILL)


# Where there is no planning


def test_planning_success_needs_an_embedded_robot_and_mujoco(monkeypatch):
    assert why_no_goals(ARM, 10) is None
    for robot in ROBOTS:
        assert why_no_goals(load_profile(robot.name), 10) is None
    assert why_no_goals(ARM, 0) == "--goals 0"
    fast = replace(ARM, name="fast", model_rate_hz=10.0)
    assert (
        "no simulation of robot 'fast', only of the embedded arm (model.rate_hz 5.0 against 10.0)"
        in why_no_goals(fast, 10)
    )
    monkeypatch.setattr("wm_ros.bench.bottlenecks.report.find_spec", lambda name: None)
    assert why_no_goals(ARM, 10) == "mujoco is not installed: pip install 'wm_ros[sim]'"
