"""Carried actions in the report of `wm_ros evaluate`: of other episodes, of a video, and of what cannot be used."""

import json
import shutil

import numpy as np
import pytest

pytest.importorskip("torch")
pytest.importorskip("mujoco")
pytest.importorskip("rosbags")
pytest.importorskip("matplotlib")
pytest.importorskip("jinja2")
pytest.importorskip("sklearn")
pytest.importorskip("av")

import torch
from checkpoint_harness import write_checkpoint
from evaluation_harness import evaluate_briefly
from small_bag import record_small_bag
from typer.testing import CliRunner
from video_makers import write_video

from wm_ros.cli import app
from wm_ros.models.decoder import Decoder
from wm_ros.models.decoder_checkpoint import save_decoder
from wm_ros.robots.profile import load_profile

TITLE = "<h2>Does a latent action mean the same in another scene?"


@pytest.fixture(autouse=True)
def here(monkeypatch):
    evaluate_briefly(monkeypatch)


@pytest.fixture(scope="module")
def bag(tmp_path_factory):
    return record_small_bag(tmp_path_factory.mktemp("carried"))


@pytest.fixture(scope="module")
def model(tmp_path_factory):
    """A small untrained checkpoint with a decoder that draws grey, a little of it by the state, and thinks of black."""
    folder = tmp_path_factory.mktemp("model") / "small"
    write_checkpoint(folder, load_profile("arm"))
    torch.manual_seed(0)
    decoder = Decoder(1, 8, 32)
    with torch.no_grad():
        last = decoder.rest[-1]
        last.weight.normal_(0.0, 0.05)
        last.bias.fill_(0.5)
    save_decoder(decoder, folder, {})
    return folder


def run(bag, out, *arguments):
    """The figures of a report, and the section of its page."""
    little = ["--encoders", "checkpoint", "--effort", "0.001"]
    done = CliRunner().invoke(app, ["evaluate", *map(str, (bag, "--out", out, *arguments)), *little])
    assert done.exit_code == 0, (done.output, done.exception)
    page = (out / "report.html").read_text(encoding="utf-8")
    found = json.loads((out / "report.json").read_text(encoding="utf-8"))
    return found, page.partition(TITLE)[2].partition("<h2>")[0]


def moving_square(count=60):
    """Pictures [count, 32, 48, 3] of a square that goes to and fro."""
    pictures = np.full((count, 32, 48, 3), 40, np.uint8)
    for number, picture in enumerate(pictures):
        left = 4 + abs(number % 60 - 30)
        picture[10:20, left : left + 8] = 220
    return pictures


def test_actions_of_other_episodes_are_carried_drawn_and_measured(bag, model, tmp_path):
    found, section = run(bag, tmp_path / "out", "--checkpoint", model)
    carried = found["transfer"]
    assert carried["decoder"] == "that is kept in the checkpoint's folder"
    assert carried["undrawn"] is None
    kinds = {"latent", "drawn, 1 - MS-SSIM", "drawn, L1", "recorded, 1 - MS-SSIM", "recorded, L1"}
    assert set(carried["checks"]["cycle"]) == set(carried["checks"]["leakage"]) == kinds
    assert len(carried["checks"]["cycle"]["latent"]["by_seed"]) == 3
    assert set(carried["apart"]) == {
        f"{what}, after {when}"
        for what in ("carried", "commanded", "another clip's")
        for when in ("the clip", "the first step")
    }
    assert "it needs two held-out episodes" in carried["read_back"]["probe_left_out"]
    assert section.count("data:image/png;base64,") % (4 * 6) == 0
    assert section.count("data:image/png;base64,") > 0
    for words in (
        "B under A&#39;s latent actions",
        "cycle, first step",
        "sign elbow",
        "drawn by the small decoder",
    ):
        assert words in section, words
    assert "nan" not in section.split()


def test_actions_of_a_plain_video_are_carried_and_what_it_cannot_tell_is_said(bag, model, tmp_path):
    video = write_video(tmp_path / "somebody.mp4", moving_square())
    found, section = run(bag, tmp_path / "out", "--checkpoint", model, "--transfer-from", video)
    carried = found["transfer"]
    assert carried["from"] == "somebody.mp4"
    assert carried["checks"]["cycle"]["latent"]["mean"] > 0.0
    assert carried["read_back"]["left_out"] == "no commands of robot 'arm' are known of somebody.mp4"
    assert "somebody.mp4 is no bag, and has no state topic" in carried["moved"]["left_out"]
    assert "no commands of robot &#39;arm&#39; are known of somebody.mp4" in section
    assert "commanded, after the clip" not in carried["apart"]
    assert "clips A of somebody.mp4" in section


def test_a_video_that_cannot_be_used_is_named_and_the_rest_goes_on(bag, model, tmp_path):
    (tmp_path / "notes.mp4").write_text("no video")
    short = write_video(tmp_path / "short.mp4", moving_square(5))
    said = {
        "notes.mp4": "notes.mp4 could not be read",
        "short.mp4": "no episode of short.mp4 has the 9 frames",
    }
    for name, words in said.items():
        found, section = run(
            bag, tmp_path / name[:-4], "--checkpoint", model, "--transfer-from", short.with_name(name)
        )
        assert words in found["transfer"]["left_out"]
        assert words in section
        assert found["dynamics"]["clips"] > 0


def test_a_decoder_of_another_encoder_is_named_and_frames_are_shown_instead(bag, model, tmp_path):
    other = shutil.copytree(model, tmp_path / "model")
    save_decoder(Decoder(1, 16, 32), other, {})
    found, section = run(bag, tmp_path / "out", "--checkpoint", other)
    carried = found["transfer"]
    assert "the checkpoint's own decoder is not used" in carried["decoder_problem"]
    assert "the decoder draws states of shape" in section
    assert set(carried["checks"]["cycle"]) == {"latent"}
    assert "the recorded frame is shown whose state is nearest to it" in section
    assert section.count("data:image/png;base64,") > 0
