"""The studies of an evaluation on a dataset whose results are known."""

from dataclasses import replace

import numpy as np
import pytest

pytest.importorskip("torch")
pytest.importorskip("accelerate")
pytest.importorskip("sklearn")

import torch
from checkpoint_harness import small_model
from evaluation_harness import ARM, config, made_by_hand

from wm_ros.evaluation.dataset.corruptions import FRAME_LOSS, SEVERITIES, corrupt
from wm_ros.evaluation.dataset.encoders import OUTPUT, HookedEncoder, PixelEncoder, load_named_encoder
from wm_ros.evaluation.studies.fidelity import fit_decoder
from wm_ros.evaluation.studies.groups import component_r2, groups_of, mean_r2
from wm_ros.evaluation.studies.probe import probe
from wm_ros.evaluation.studies.statistics import seed_statistics
from wm_ros.evaluation.studies.trajectory import path_errors
from wm_ros.models.encoders.tiny import TinyEncoder
from wm_ros.robots.planar import twist_components
from wm_ros.training.probes import apart, fit


def nothing(share):
    pass


def walk(count=600, seed=0):
    """Places [F, 2] and the steps [F, 2] between them, which nothing but motion tells."""
    steps = np.random.default_rng(seed).uniform(-1.0, 1.0, (count, 2))
    return np.concatenate([np.zeros((1, 2)), np.cumsum(steps, axis=0)[:-1]]), steps


# The probe and its controls.


@pytest.fixture(scope="module")
def found(tmp_path_factory):
    """What is found where motion alone tells the command."""
    folder = tmp_path_factory.mktemp("walk")
    return probe(made_by_hand(folder / "bag", *walk()), config(folder), "checkpoint", nothing)


def test_a_probe_reads_motion_that_controls_cannot(found):
    output = found["layers"][OUTPUT]
    assert output["total"]["mean"] > 0.9
    assert set(output) >= {"shoulder", "elbow", "controls", "pairs"}
    assert output["controls"]["single frame"]["mean"] < 0.2
    assert output["controls"]["shuffled time"]["mean"] < 0.2
    assert abs(output["controls"]["constant"]) < 0.1


def test_frames_that_never_come_cost_what_they_carried(found):
    ladder = found["ladder"]
    assert set(ladder) == {"none", *SEVERITIES, *FRAME_LOSS}
    clean = ladder["none"][0]["r2"]["mean"]
    frozen = [step["r2"]["mean"] for step in ladder["frozen frames"]]
    assert clean > frozen[0] > frozen[1] > frozen[2]
    assert ladder["noise"][1]["r2"]["mean"] == clean  # the same features, by hand


def test_scenes_that_tell_the_command_are_found_out_by_the_controls(tmp_path):
    _, steps = walk()
    features = np.concatenate(
        [steps, np.zeros_like(steps)], axis=1
    )  # each frame alone names what will be done
    found = probe(made_by_hand(tmp_path / "bag", features, steps), config(tmp_path), "checkpoint", nothing)
    assert found["layers"][OUTPUT]["controls"]["single frame"]["mean"] > 0.9


def test_a_component_that_never_moves_is_in_no_score(tmp_path):
    places, steps = walk(200)
    steps[:, 1] = 0.5
    found = probe(
        made_by_hand(tmp_path / "bag", places, steps), config(tmp_path, 0.002), "checkpoint", nothing
    )
    output = found["layers"][OUTPUT]
    assert output["elbow"] is None
    assert output["total"] == output["shoulder"]


def test_the_same_dataset_gives_the_same_scores(tmp_path):
    places, steps = walk(200)
    dataset = made_by_hand(tmp_path / "bag", places, steps)
    first, second = (probe(dataset, config(tmp_path, 0.01), "checkpoint", nothing) for _ in range(2))
    assert first == second


def test_networks_trained_together_are_those_trained_alone():
    rng = np.random.default_rng(0)
    inputs, wanted = rng.normal(size=(64, 3)).astype(np.float32), rng.normal(size=(64, 2))
    groups = np.arange(64) // 8
    group = fit([inputs, inputs[:, ::-1].copy()], wanted, groups, [0, 1], 20, nothing)
    alone = fit([inputs], wanted, groups, [0], 20, nothing)
    np.testing.assert_allclose(group(inputs, 0), alone(inputs, 0), rtol=1e-4, atol=1e-5)


def test_weights_are_chosen_by_whole_episodes():
    groups = np.arange(50) // 5
    learned, checked = apart(groups)
    assert not set(groups[learned]) & set(groups[checked])
    assert len(np.unique(groups[checked])) == 2
    learned, checked = apart(np.zeros(10))
    assert len(learned) == 8
    assert checked.tolist() == [8, 9]


def test_groups_only_where_units_tell_them_apart():
    assert groups_of(ARM) == {}
    first, second = ARM.action
    robot = replace(
        ARM, action=(replace(first, unit="m/s"), second, replace(second, name="gripper_width", unit="m"))
    )
    assert groups_of(robot) == {"translation": [0], "rotation": [1], "gripper": [2]}


def test_r2_by_hand():
    true = np.array([[0.0, 1.0], [2.0, 1.0]])
    assert component_r2(true, np.array([[0.0, 1.0], [1.0, 1.0]])) == [0.5, None]
    assert mean_r2([0.5, None]) == 0.5
    assert mean_r2([None]) is None
    assert seed_statistics([0.1, 0.3]) == {"mean": 0.2, "low": 0.1, "high": 0.3, "by_seed": [0.1, 0.3]}
    assert seed_statistics([0.1, None]) is None


# Corruptions.


@pytest.mark.parametrize("kind", SEVERITIES)
def test_a_corruption_is_seeded_and_worse_the_further_it_goes(kind):
    pair = np.random.default_rng(0).integers(0, 256, (2, 64, 64, 3), dtype=np.uint8)
    pair = np.stack([np.kron(frame[::8, ::8], np.ones((8, 8, 1), np.uint8)) for frame in pair])
    off = []
    for severity in SEVERITIES[kind]:
        worse = corrupt(pair, kind, severity, 3)
        assert worse.shape == pair.shape
        assert worse.dtype == np.uint8
        assert (worse == corrupt(pair, kind, severity, 3)).all()
        off.append(np.abs(worse.astype(float) - pair).mean())
    assert 0 < off[0] < off[1] < off[2]


def test_what_sits_on_the_lens_sits_there_in_both_frames():
    black = np.zeros((2, 32, 32, 3), np.uint8)
    covered = corrupt(black, "occlusion", 0.3, 1)
    assert (covered[0] == covered[1]).all()
    assert (corrupt(black, "noise", 0.3, 1)[0] != corrupt(black, "noise", 0.3, 1)[1]).any()


# Encoders and decoders.


def test_layers_of_an_encoder_are_tapped_and_the_output_is_last():
    frames = torch.randint(0, 256, (3, 40, 30, 3), dtype=torch.uint8)
    encoder = TinyEncoder(size=32, dim=8, width=8)
    layers = HookedEncoder(encoder)(frames)
    assert list(layers) == [f"layer {n} of 4" for n in (1, 2, 3, 4)] + [OUTPUT]
    assert layers["layer 1 of 4"].shape == (3, 64, 8)
    assert torch.equal(layers[OUTPUT], encoder(frames))


def test_of_many_blocks_six_are_tapped():
    class Blocks(torch.nn.Module):
        views = 1

        def __init__(self):
            super().__init__()
            self.blocks = torch.nn.ModuleList(torch.nn.Linear(4, 4) for _ in range(24))

        def forward(self, frames):
            tokens = frames.flatten(1)[:, :8].float().unflatten(1, (2, 4))
            for block in self.blocks:
                tokens = block(tokens)
            return tokens

    layers = HookedEncoder(Blocks())(torch.zeros(2, 4, 4, 3, dtype=torch.uint8))
    assert list(layers) == [f"layer {n} of 24" for n in (4, 8, 12, 16, 20, 24)] + [OUTPUT]
    assert torch.equal(layers["layer 24 of 24"], layers[OUTPUT])


def test_pixels_are_the_centre_square():
    frames = torch.zeros(1, 16, 32, 3, dtype=torch.uint8)
    frames[:, :, 8:24] = 255
    assert (PixelEncoder()(frames) == 1.0).all()
    assert PixelEncoder()(frames).shape == (1, 1, 768)


def test_the_untrained_encoder_is_the_same_every_time():
    model = small_model(ARM)
    one, other = (load_named_encoder("random", model) for _ in range(2))
    for weight, same, trained in zip(
        one.parameters(), other.parameters(), model.encoder.parameters(), strict=True
    ):
        assert torch.equal(weight, same)
        assert weight.shape == trained.shape


def test_a_decoder_redraws_what_tokens_tell_and_nothing_else(tmp_path):
    rng = np.random.default_rng(0)
    light = rng.uniform(0, 1, (300, 1)).astype(np.float32)
    pictures = np.broadcast_to((255 * light[:, :, None, None]).astype(np.uint8), (300, 64, 64, 3))
    told, blind = light[:, :, None], rng.normal(size=(300, 1, 1)).astype(np.float32)
    scores = {}
    for name, tokens in (("told", told), ("blind", blind)):
        fitted, held = (tokens[:250], pictures[:250]), (tokens[250:], pictures[250:])
        scores[name] = fit_decoder(replace(config(tmp_path, 0.05), side=64), fitted, held, None, nothing)[1]
    assert scores["told"]["psnr"] > scores["told"]["psnr_of_mean_picture"] + 3
    assert scores["blind"]["psnr"] < scores["told"]["psnr"] - 3


# Paths of mobile bases.


def base():
    """A robot that is told how fast to drive and to turn."""
    first, second = ARM.action
    command = replace(ARM.command, type="geometry_msgs/msg/TwistStamped")
    action = (
        replace(first, name="forward", unit="m/s", field="twist.linear.x"),
        replace(second, name="turn", field="twist.angular.z"),
    )
    return replace(ARM, command=command, action=action)


def test_only_planar_twists_drive_paths():
    assert twist_components(base()) == {0: 0, 1: 2}
    assert twist_components(ARM) == {}
    upwards = replace(base().action[0], field="twist.linear.z")
    assert twist_components(replace(base(), action=(upwards, base().action[1]))) == {}


def test_path_errors_of_known_paths():
    pytest.importorskip("evo")
    straight = np.array([[[1.0, 0.0]] * 3])
    assert path_errors(straight, straight, {0: 0, 1: 2}, 0.5) == pytest.approx(
        {"ate": 0.0, "rpe": 0.0}, abs=1e-9
    )
    slow = path_errors(straight, 0.5 * straight, {0: 0, 1: 2}, 0.5)
    assert slow["rpe"] == pytest.approx(0.25)
    assert slow["ate"] == pytest.approx(np.sqrt(np.mean(np.square([0.0, 0.25, 0.5, 0.75]))))
    # A quarter turn on a circle of radius 1 ends at (1, 1), a chord would not.
    quarter = np.array([[[np.pi / 2, np.pi / 2]]])
    still = path_errors(quarter, 0.0 * quarter, {0: 0, 1: 2}, 1.0)
    assert still["ate"] == pytest.approx(1.0)  # root mean square of 0 and the square root of 2
