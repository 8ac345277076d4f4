"""Checkpoints: what is written comes back bit for bit, and nothing else is taken for a model."""

import copy
import json
import pickle
import shutil
import struct

import pytest

pytest.importorskip("torch")

import torch
from checkpoint_harness import small_model
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from nested_data import places
from safetensors.torch import load_file, save_file

from wm_ros.models.card import Network, Reached
from wm_ros.models.checkpoint import (
    CheckpointError,
    load_checkpoint,
    require_robot,
    save_checkpoint,
)
from wm_ros.robots.profile import load_profile, profile_from_dict

ARM = load_profile("arm")
DELETED = object()


@pytest.fixture(scope="module")
def written(tmp_path_factory):
    folder = tmp_path_factory.mktemp("written")
    save_checkpoint(small_model(ARM, weight=0.3), folder)
    return folder


@pytest.fixture
def folder(written, tmp_path):
    return shutil.copytree(written, tmp_path / "checkpoint")


def edit_card(folder, path, value):
    """Change one entry of card.json, `encoder.size` say, or delete it."""
    data = json.loads((folder / "card.json").read_text())
    *parents, last = path.split(".")
    entry = data
    for key in parents:
        entry = entry[key]
    if value is DELETED:
        del entry[last]
    else:
        entry[last] = value
    (folder / "card.json").write_text(json.dumps(data))


def refused(folder, said):
    with pytest.raises(CheckpointError, match=said) as told:
        load_checkpoint(folder)
    assert str(folder) in str(told.value)


@pytest.mark.parametrize(
    "card",
    [
        {},
        {"bottleneck": {"name": "labelled"}},
        {"bottleneck": {"name": "noise", "beta": 1e-4}},
        {"bottleneck": {"name": "sparse", "l1": 0.4}},
        {"bottleneck": {"name": "discrete", "codes": 16}},
        {"bottleneck": {"name": "none"}},
        {"bottleneck": {"name": "deterministic"}},
        {"controller_kind": "action-only"},
        {"latent_action_dim": 5, "controller": Network(width=32, depth=2, heads=4)},
        {"reached": Reached(0.58, 0.45, 0.04)},
        {"training": {"source": "bag", "seed": 3}, "metrics": {"one_step": 0.25}, "action_scale": (1.5, 0.1)},
    ],
)
def test_what_is_saved_comes_back_bit_for_bit(tmp_path, card):
    model = small_model(ARM, weight=0.3, **card)
    save_checkpoint(model, tmp_path / "new" / "folder")
    loaded = load_checkpoint(tmp_path / "new" / "folder")
    assert loaded.card == model.card
    assert loaded.card.labelled == (model.card.bottleneck["name"] == "labelled")
    weights = model.state_dict()
    assert list(loaded.state_dict()) == list(weights)
    assert all(torch.equal(loaded.state_dict()[name], weights[name]) for name in weights)
    state, action = torch.randn(2, 1, 8), torch.randn(2, 3, 2)
    assert torch.equal(loaded.rollout(state, action), model.rollout(state, action))


def test_a_folder_holds_two_files_and_no_pickle(written):
    assert sorted(file.name for file in written.iterdir()) == ["card.json", "weights.safetensors"]
    assert json.loads((written / "card.json").read_text())["robot"]["name"] == "arm"


def test_a_loaded_model_is_ready_for_use(written):
    model = load_checkpoint(str(written))
    assert not model.training
    assert not any(parameter.requires_grad for parameter in model.parameters())
    assert model.device == torch.device("cpu")


def test_a_checkpoint_is_saved_over_an_older_one(folder):
    save_checkpoint(small_model(ARM, seed=9, latent_action_dim=3), folder)
    assert load_checkpoint(folder).card.latent_action_dim == 3


# Weights


def test_missing_things_are_named(folder, tmp_path):
    refused(tmp_path / "nowhere", "is not a folder; expected weights.safetensors and card.json")
    (folder / "weights.safetensors").unlink()
    refused(folder, r"weights\.safetensors is missing")
    (folder / "card.json").unlink()
    refused(folder, r"card\.json is missing; a checkpoint is a folder that `wm_ros train` writes")
    refused(tmp_path, "card.json is missing")


@pytest.mark.parametrize("kept", [0, 4, 8, 200, -1])
def test_truncated_weights_are_damaged(folder, kept):
    path = folder / "weights.safetensors"
    path.write_bytes(path.read_bytes()[:kept])
    refused(folder, r"weights\.safetensors is damaged or no safetensors file")


def test_no_pickle_is_ever_read(folder, tmp_path):
    class Trap:
        def __reduce__(self):
            return (open, (str(tmp_path / "sprung"), "w"))

    path = folder / "weights.safetensors"
    path.write_bytes(pickle.dumps({"encoder.head.0.weight": Trap()}))
    refused(folder, "is damaged or no safetensors file")
    torch.save({"encoder.head.0.weight": Trap()}, path)
    refused(folder, "is damaged or no safetensors file")
    assert not (tmp_path / "sprung").exists()


def test_a_header_that_lies_about_its_length_is_damaged(folder):
    (folder / "weights.safetensors").write_bytes(struct.pack("<Q", 2**62) + b"{}")
    refused(folder, "is damaged or no safetensors file")


def test_weights_that_are_not_those_of_the_card_are_named(folder):
    path = folder / "weights.safetensors"
    weights = load_file(path)
    name = "forward_model.read.weight"
    save_file({**weights, name: torch.zeros(8, 17)}, path)
    refused(folder, rf"{name} has shape \[8, 17\], the card describes \[8, 16\]")
    save_file({key: value for key, value in weights.items() if key != name}, path)
    refused(folder, rf"missing weights \['{name}'\], unexpected weights \[\]: .*train or convert again")
    save_file({**weights, "optimizer": torch.zeros(1)}, path)
    refused(folder, r"missing weights \[\], unexpected weights \['optimizer'\]")


@pytest.mark.parametrize(
    ("name", "value"),
    [
        *(("forward_model.read.weight", value) for value in (float("nan"), float("inf"), -float("inf"))),
        ("goal_distance.latent_step", float("nan")),
    ],
)
def test_weights_that_are_no_numbers_are_named(folder, name, value):
    path = folder / "weights.safetensors"
    weights = load_file(path)
    weights[name].view(-1)[0] = value
    save_file(weights, path)
    refused(folder, rf"{name} holds 1 NaN or infinite numbers of \d+; .* train it again")


def test_weights_that_are_infinite_in_the_model_s_type_are_named(folder):
    path = folder / "weights.safetensors"
    weights = load_file(path)
    weights["forward_model.read.weight"] = weights["forward_model.read.weight"].double() * 1e60
    save_file(weights, path)
    refused(folder, r"forward_model\.read\.weight holds 128 NaN or infinite numbers of 128")


@pytest.mark.parametrize("device", ["cuda:99", "nonsense"])
def test_a_device_that_is_not_there_is_named(written, device):
    with pytest.raises(CheckpointError, match=f"device '{device}' cannot be used"):
        load_checkpoint(written, device)


# Cards


@pytest.mark.parametrize(
    ("path", "value", "said"),
    [
        ("format", 2, r"card\.json: card format 2; this version reads format 1"),
        ("format", DELETED, "card format None; this version reads format 1"),
        ("encoder.name", "vjepa9", "unknown encoder 'vjepa9'; known: tiny"),
        ("encoder.name", DELETED, r"encoder\.name must be a text, got None"),
        ("encoder", "tiny", "encoder must be a JSON object, got 'tiny'"),
        (
            "encoder.size",
            40,
            r"card\.json describes no model .* size must be a multiple of 16 and width of 8",
        ),
        ("encoder.size", "32", r"card\.json describes no model that can be built"),
        ("encoder.layers", 3, r"card\.json describes no model that can be built: .*'layers'"),
        ("encoder.dim", 16, "has shape .*, the card describes"),
        ("latent_action_dim", 0, "latent_action_dim must be an integer from 1 to 4096, got 0"),
        ("latent_action_dim", 3, "has shape .*, the card describes"),
        ("latent_action_dim", DELETED, "latent_action_dim must be an integer .* got None"),
        ("forward_model.heads", 0, r"forward_model\.heads must be an integer from 1"),
        ("forward_model.heads", 3, "width 16 must split into 3 heads"),
        ("forward_model.width", 10**12, r"forward_model\.width must be an integer from 1 to 4096"),
        (
            "forward_model.width",
            4096,
            r"weights\.safetensors: holds \d+ weights, the card describes more than",
        ),
        ("controller.depth", 4096, r"weights\.safetensors: holds \d+ weights, the card describes more than"),
        ("forward_model.width", 20, "has shape .*, the card describes"),
        ("forward_model.depth", True, r"forward_model\.depth must be an integer"),
        ("forward_model.rope", 1, r"forward_model must have the entries .* got .*'rope'"),
        ("controller.depth", 2, "missing weights .*controller.self_attention.1"),
        ("controller", DELETED, "controller must be a JSON object, got None"),
        ("bottleneck", {}, r"bottleneck\.name must be a text"),
        (
            "bottleneck.name",
            "vq",
            r"card\.json: unknown bottleneck 'vq'; known names: noise, sparse, discrete",
        ),
        ("bottleneck.beta", -1.0, r"card\.json: bottleneck\.beta must be a number from 0 to 10, got -1\.0"),
        ("bottleneck.codes", 16, "codes is no option of the bottleneck 'noise'; its options: beta"),
        ("bottleneck.name", "sparse", "has shape .*, the card describes"),
        ("bottleneck", {"name": "discrete", "codes": 16}, r"missing weights \['bottleneck\.codes'"),
        ("bottleneck.name", "labelled", r"unexpected weights \['controller"),
        ("controller_kind", "mlp", "unknown controller_kind 'mlp'; known: state-conditioned, action-only"),
        ("controller_kind", "action-only", r"unexpected weights \['controller\.cross_attention"),
        ("action_scale", [1.0], "action_scale must be a list of 2 numbers"),
        ("action_scale", "12", "action_scale must be a list of 2 numbers, one per action, got '12'"),
        ("action_scale", [1.0, 0.0], "action_scale must hold numbers from 1e-9 to 1e9"),
        ("action_scale", [1.0, float("nan")], "action_scale must hold numbers from 1e-9 to 1e9"),
        ("action_scale", [1.0, 10**400], "action_scale must hold numbers from 1e-9 to 1e9"),
        ("robot", DELETED, r"card\.json: profile must be a mapping"),
        ("robot.action", [], r"card\.json: action must be a list"),
        ("training", 3, "training must be a JSON object, got 3"),
        ("licence", None, "licence must be a text"),
        ("weights", "elsewhere", r"unknown entries \['weights'\]; known: "),
    ],
)
def test_a_wrong_entry_of_the_card_is_named(folder, path, value, said):
    edit_card(folder, path, value)
    refused(folder, said)


def test_a_card_from_before_the_action_only_controller_has_the_other(folder):
    edit_card(folder, "controller_kind", DELETED)
    assert load_checkpoint(folder).card.controller_kind == "state-conditioned"


def test_a_card_from_before_says_nothing_of_when_a_goal_is_reached(folder):
    assert "reached" not in json.loads((folder / "card.json").read_text())
    assert load_checkpoint(folder).card.reached is None


@pytest.mark.parametrize(
    ("value", "said"),
    [
        (None, r"card\.json: reached must be a JSON object, got None"),
        (
            {"distance": 0.5},
            r"reached must have the entries \['distance', 'near', 'far'\], got \['distance'\]",
        ),
        (
            {"distance": 0.0, "near": 0.5, "far": 0.1},
            r"reached\.distance must be a number from 1e-09 to 1e\+09, got 0\.0",
        ),
        ({"distance": 0.5, "near": 1.5, "far": 0.1}, r"reached\.near must be a number from 0 to 1, got 1\.5"),
    ],
)
def test_a_wrong_threshold_is_named(folder, value, said):
    edit_card(folder, "reached", value)
    refused(folder, said)


def test_a_code_book_larger_than_all_weights_is_refused_before_it_is_made(folder):
    edit_card(folder, "bottleneck", {"name": "discrete", "codes": 32768})
    edit_card(folder, "latent_action_dim", 4096)
    refused(folder, r"holds \d+ weights, the card describes more than 134\d{6}")


def test_a_labelled_model_has_latent_actions_of_the_size_of_the_action(tmp_path):
    save_checkpoint(small_model(ARM, bottleneck={"name": "labelled"}), tmp_path)
    edit_card(tmp_path, "latent_action_dim", 3)
    refused(tmp_path, "latent_action_dim 3 of a labelled model must be that of the action, 2")


@pytest.mark.parametrize(
    "content",
    [b"", b"{", b"\xff\xfe", b"[" * 100_000, b'{"format": ' + b"9" * 5000 + b"}", b"not json"],
    ids=["empty", "open", "no text", "nested", "huge", "words"],
)
def test_a_card_that_is_no_json_is_told_so(folder, content):
    (folder / "card.json").write_bytes(content)
    refused(folder, r"card\.json is not valid JSON")


@pytest.mark.parametrize("content", [b"[]", b"null", b'"card"', b"1e5"])
def test_a_card_that_is_no_object_is_told_so(folder, content):
    (folder / "card.json").write_bytes(content)
    refused(folder, r"card\.json: a card must be a JSON object")


def test_a_card_that_is_a_folder_is_told_so(folder):
    (folder / "card.json").unlink()
    (folder / "card.json").mkdir()
    refused(folder, r"card\.json cannot be read")


PLAIN = st.recursive(
    st.none()
    | st.booleans()
    | st.integers()
    | st.sampled_from([0, -1, 1, 16, 17, 4096, 2**31, 2**63, 10**400])
    | st.floats()
    | st.text(max_size=6),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=6), inner, max_size=3),
    max_leaves=4,
)


@settings(max_examples=150, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(data=st.data())
def test_whatever_a_card_holds_a_model_or_a_checkpoint_error_comes_out(written, tmp_path, data):
    card = json.loads((written / "card.json").read_text())
    for _ in range(data.draw(st.integers(1, 2))):
        *parents, last = data.draw(st.sampled_from(list(places(card))))
        entry = card
        for key in parents:
            entry = entry[key]
        value = data.draw(PLAIN | st.just(DELETED))
        if value is not DELETED:
            entry[last] = value
        elif isinstance(entry, dict):
            del entry[last]
    folder = tmp_path / "fuzzed"
    folder.mkdir(exist_ok=True)
    shutil.copyfile(written / "weights.safetensors", folder / "weights.safetensors")
    (folder / "card.json").write_text(json.dumps(card))
    try:
        model = load_checkpoint(folder)
    except CheckpointError:
        return
    assert model.rollout(torch.zeros(1, 1, 8), torch.ones(1, 2, 2)).isfinite().all()


# Which one, and for which robot


def other_robot(**change):
    data = copy.deepcopy(ARM.to_dict())
    data["action"][1].update(change)
    return profile_from_dict({**data, "name": "other"})


def test_a_checkpoint_of_another_robot_names_both_and_what_differs(written):
    model = load_checkpoint(written)
    require_robot(model, ARM)
    with pytest.raises(CheckpointError) as told:
        require_robot(model, other_robot(max=0.5, unit="m/s"))
    for word in (
        "'arm'",
        "'other'",
        "elbow.unit rad/s against m/s",
        "elbow.max 1.5 against 0.5",
        "train one",
    ):
        assert word in str(told.value)
