"""`wm_ros evaluate` of a model of two cameras: every question is asked of what both see."""

import json

import pytest

pytest.importorskip("torch")
pytest.importorskip("mujoco")
pytest.importorskip("rosbags")
pytest.importorskip("matplotlib")
pytest.importorskip("jinja2")
pytest.importorskip("sklearn")

from checkpoint_harness import write_checkpoint
from evaluation_harness import Here
from typer.testing import CliRunner

from wm_ros.cli import app
from wm_ros.evaluation import evaluate as evaluation
from wm_ros.evaluation.dataset import extract
from wm_ros.evaluation.studies import operator
from wm_ros.robots.profile import load_profile
from wm_ros.tasks.record import record_sim


def test_a_report_of_a_bag_of_two_cameras_and_of_one_that_lacks_one(tmp_path, monkeypatch):
    monkeypatch.setattr(evaluation, "Workers", Here)
    monkeypatch.setattr(operator, "PLANS", 4)
    monkeypatch.setattr(extract, "CORRUPTED_PAIRS", 8)
    monkeypatch.setattr(extract, "SHOWN_FRAMES", 32)
    both, one = load_profile("arm_two_cameras"), load_profile("arm")
    record_sim(both, tmp_path / "both", episodes=4, seconds=3.6)
    record_sim(one, tmp_path / "one", episodes=1, seconds=3.0)
    model = write_checkpoint(tmp_path / "model", both)
    arguments = [tmp_path / "both", tmp_path / "one", "--out", tmp_path / "out", "--checkpoint", model]
    options = ["--profile", both.name, "--encoders", "pixels", "--effort", "0.001"]
    done = CliRunner().invoke(app, ["evaluate", *map(str, arguments), *options])
    assert done.exit_code == 0, done.output
    report = json.loads((tmp_path / "out" / "report.json").read_text())
    assert list(report["probe"]) == ["checkpoint", "pixels"]
    assert len(report["probe"]["checkpoint"]["layers"]) == 5, "of the encoder that both cameras share"
    assert report["fidelity"]["pixels"]["psnr"] > 0
    assert set(report["operator"]["by_component"]["planned"]) == {"shoulder", "elbow"}
    assert "no camera topic top/image" in json.dumps(report)
