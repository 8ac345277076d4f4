"""What cannot be trained on is told in a sentence, and before anything is trained."""

from dataclasses import replace

import numpy as np
import pytest
from checkpoint_harness import small_model, write_checkpoint
from training_harness import ARM, BRIEF, Phases, called, wm_ros

from wm_ros.data.recording import Commands
from wm_ros.models.checkpoint import CheckpointError
from wm_ros.tasks.record import record_sim
from wm_ros.training.optimise import TrainingError
from wm_ros.training.train import train


@pytest.mark.parametrize("there", ["full", "file"])
def test_an_existing_out_folder_is_left_alone(tmp_path, there):
    out = tmp_path / "out"
    if there == "full":
        write_checkpoint(out, ARM)
    else:
        out.write_text("mine")
    result = called("train", tmp_path / "no bag", "--out", out)
    assert result.exit_code == 2
    assert "nothing is overwritten" in result.output


def test_an_encoder_that_is_not_there_is_told_before_the_bag_is_read(tmp_path):
    result = called(
        "train", tmp_path / "no bag", "--out", tmp_path / "out", "--encoder-from", tmp_path / "none"
    )
    assert isinstance(result.exception, CheckpointError)


def test_too_few_episodes_are_told_in_a_sentence(tmp_path):
    record_sim(ARM, tmp_path / "bag", episodes=1, seconds=4.0)
    result = wm_ros("train", tmp_path / "bag", "--out", tmp_path / "out")
    assert result.returncode == 1
    assert (
        "wm_ros: 1 episode with commands: training scores itself on episodes it has not seen" in result.stderr
    )
    assert "Traceback" not in result.stderr
    assert not (tmp_path / "out").exists()


def refused(recording, out, said, **arguments):
    phases = Phases()
    with pytest.raises(TrainingError, match=said):
        train(recording, out, BRIEF, "a test", phases, **arguments)
    assert not out.exists()
    return phases.figures


def test_episodes_that_are_too_short_are_refused_before_anything_is_trained(recording, tmp_path):
    short = replace(recording, episodes=tuple(slice(e.start, e.start + 12) for e in recording.episodes))
    said = r"no clip of 7 frames at 5 Hz in 5 episodes: record episodes of at least 1\.4 s"
    assert refused(short, tmp_path / "out", said) == {}


def test_a_recording_without_commands_is_refused_before_anything_is_trained(recording, tmp_path):
    silent = replace(recording, commands=None)
    assert refused(silent, tmp_path / "out", "the recording has no commands.*`wm_ros inspect`") == {}


def test_a_component_that_never_moves_is_named_before_anything_is_trained(recording, tmp_path):
    still = Commands(recording.commands.stamps_ns, 0 * recording.commands.vectors, ARM.command.timeout_s)
    said = "the commands of shoulder are 0 throughout"
    assert refused(replace(recording, commands=still), tmp_path / "out", said) == {}
    stamps = recording.stamps_ns[:-1]
    vectors = np.stack([np.sin(np.arange(len(stamps))), np.full(len(stamps), 0.4)], axis=1)
    said = "the commands of elbow are 0.4 throughout"
    held = replace(recording, commands=Commands(stamps, vectors, timeout_s=10.0))
    assert refused(held, tmp_path / "out", said) == {}


def test_commands_beyond_the_limits_are_refused_before_anything_is_trained(recording, tmp_path):
    commands = recording.commands
    degrees = Commands(commands.stamps_ns, 57.3 * commands.vectors, ARM.command.timeout_s)
    said = "of the values of shoulder lie beyond the profile's .* in degrees"
    assert refused(replace(recording, commands=degrees), tmp_path / "out", said) == {}


def test_pictures_in_which_nothing_moves_are_refused(recording, tmp_path):
    still = replace(recording, frames=np.broadcast_to(recording.frames[:1], recording.frames.shape).copy())
    encoder_of = small_model(ARM, weight=0.3)
    assert refused(still, tmp_path / "out", "nothing moves in the pictures", encoder_of=encoder_of) == {}


def test_a_model_of_broken_numbers_stops_the_training_at_its_first_step(recording, tmp_path):
    broken = small_model(ARM, weight=float("nan"))
    phases = refused(
        recording, tmp_path / "out", "world model: loss is nan at step 1 of 1", encoder_of=broken
    )
    assert phases == {"world model": []}
