"""`wm_ros convert`: published files come in whole, with their licence, or not at all."""

import hashlib
import json
import pickle

import pytest

pytest.importorskip("torch")

import torch
from published_weights import FRAMES, GOLDEN, drawn, published, seeded, small
from safetensors.torch import load_file, save_file
from typer.testing import CliRunner

from wm_ros.cli import app
from wm_ros.models.action_conditioned.predictor import ActionPredictor
from wm_ros.models.card import CheckpointError
from wm_ros.models.checkpoint import load_checkpoint, load_encoder_of
from wm_ros.models.encoder_checkpoint import load_encoder
from wm_ros.models.encoders.vjepa2 import VJepa2
from wm_ros.models.imports import vjepa2_layout
from wm_ros.models.imports.convert import Wanted, convert_encoder
from wm_ros.models.imports.sources import licence_of

# The published widths and hidden sizes in small, one head of 32 features for each of 32.
SMALL = {1024: 64, 3072: 192, 4096: 256}


@pytest.fixture
def tiny_hub(monkeypatch, tmp_path):
    """A `vitl.pt` of two blocks of 64, which the converter takes for a published size."""
    monkeypatch.setitem(vjepa2_layout.SIZES, 64, (2, 2, 256))
    weights = seeded(small(published("vitl.pt", "encoder"), SMALL, 2), seed=5)
    file = {"module.backbone." + name: tensor for name, tensor in weights.items()}
    file["module.backbone.pos_embed"] = torch.zeros(1, 8, 64)
    torch.save({"encoder": file, "predictor": {}, "epoch": 7}, tmp_path / "vitl.pt")
    return tmp_path / "vitl.pt"


def wm_ros(*arguments):
    result = CliRunner().invoke(app, [str(argument) for argument in arguments])
    return result.output + (
        f"{type(result.exception).__name__}: {result.exception}" if result.exception else ""
    )


@pytest.mark.parametrize("name", ["vitl.pt", "vith.pt", "vitg.pt", "vjepa2-ac-vitg.pt"])
def test_our_encoder_has_the_weights_of_the_published_file(name):
    layout = published(name, "encoder")
    model = vjepa2_layout.published_size(name, {n: torch.empty(s, device="meta") for n, s in layout.items()})
    with torch.device("meta"):
        encoder = VJepa2(256, **model)
    assert {n: list(t.shape) for n, t in encoder.state_dict().items()} == layout


def test_our_predictor_has_the_weights_of_the_published_file():
    with torch.device("meta"):
        predictor = ActionPredictor(16, 1408, **vjepa2_layout.PREDICTOR)
    shapes = {name: list(tensor.shape) for name, tensor in predictor.state_dict().items()}
    assert shapes == published("vjepa2-ac-vitg.pt", "predictor")
    assert len(shapes) == 300


def test_a_hub_file_gives_the_tokens_of_its_own_code(tiny_hub):
    """Against stored outputs of the public implementation, three pictures each repeated to fill a tubelet."""
    np = pytest.importorskip("numpy")
    encoder = convert_encoder(str(tiny_hub), Wanted(size=64)).encoder
    pictures = drawn((2, 3, 1, 64, 64), 6)[:, :, 0]
    with torch.no_grad():
        tokens = encoder.backbone(pictures)
    torch.testing.assert_close(tokens, torch.from_numpy(np.load(GOLDEN)["encoder"]), rtol=0, atol=2e-5)


def test_a_hub_file_becomes_a_checkpoint(tiny_hub, tmp_path):
    said = wm_ros("convert", tiny_hub, "--out", tmp_path / "ours", "--layer", 1, "--pool", 8)
    assert "encoder vjepa2, 0.1 M weights, 4 tokens of 64 a frame, licence MIT" in said
    found = load_encoder(tmp_path / "ours")
    assert found.encoder(FRAMES).shape == (3, 4, 64)
    card = found.card.encoder
    assert (card["layer"], card["model"]["depth"]) == (1, 2)
    assert card["input"]["size"] == 256
    assert card["source"] == {
        "file": "vitl.pt",
        "sha256": hashlib.sha256(tiny_hub.read_bytes()).hexdigest(),
        "licence": "MIT",
    }
    assert load_encoder_of(tmp_path / "ours").card == found.card
    with pytest.raises(CheckpointError, match=r"of kind 'encoder', not a trained model.*wm_ros train BAG"):
        load_checkpoint(tmp_path / "ours")
    assert "nothing is overwritten" in wm_ros("convert", "pixels", "--out", tmp_path / "ours")


def edit(path, change):
    data = torch.load(path, weights_only=True)
    change(data["encoder"])
    torch.save(data, path)


@pytest.mark.parametrize(
    ("change", "said"),
    [
        (lambda w: w.pop("module.backbone.norm.bias"), r"missing weights \['norm.bias'\]"),
        (lambda w: w.update(extra=torch.zeros(2)), r"unexpected weights \['extra'\]"),
        (
            lambda w: w.update({"module.backbone.norm.bias": torch.zeros(3)}),
            r"norm.bias has shape \[3\], the card describes \[64\]",
        ),
        (
            lambda w: w.update({"module.backbone.patch_embed.proj.weight": torch.zeros(7, 3, 2, 16, 16)}),
            r"width 1024, 1280, 1408, 64 \(ViT-L, H, g\), found \[7, 3, 2, 16, 16\]",
        ),
        (
            lambda w: w["module.backbone.norm.bias"].fill_(float("nan")),
            "norm.bias holds 64 NaN or infinite numbers",
        ),
        (lambda w: w.clear(), "found none"),
    ],
)
def test_another_layout_is_refused(tiny_hub, change, said):
    edit(tiny_hub, change)
    with pytest.raises(CheckpointError, match=said) as told:
        convert_encoder(str(tiny_hub), Wanted())
    assert str(tiny_hub) in str(told.value)


class Harmful:
    def __reduce__(self):
        return print, ("this code of the file was run",)


def test_nothing_in_a_pickle_is_run(tmp_path, capfd):
    for name, content in {
        "plain.pt": pickle.dumps({"encoder": Harmful()}),
        "text.pt": b"not weights",
        "empty.pt": b"",
    }.items():
        (tmp_path / name).write_bytes(content)
        with pytest.raises(CheckpointError, match="is damaged or no file of weights alone"):
            convert_encoder(str(tmp_path / name), Wanted(size=256, licence="MIT"))
    torch.save({"encoder": Harmful()}, tmp_path / "zipped.pt")
    with pytest.raises(CheckpointError, match="is damaged or no file of weights alone"):
        convert_encoder(str(tmp_path / "zipped.pt"), Wanted(size=256, licence="MIT"))
    assert "was run" not in "".join(capfd.readouterr())


def test_a_file_of_other_things_is_named(tmp_path):
    torch.save({"state_dict": {"a": torch.zeros(1)}}, tmp_path / "vitl.pt")
    with pytest.raises(CheckpointError, match=r"expected weights under 'encoder', found \['state_dict'\]"):
        convert_encoder(str(tmp_path / "vitl.pt"), Wanted())


def test_the_size_of_the_pictures_is_not_guessed(tiny_hub):
    renamed = tiny_hub.rename(tiny_hub.with_name("mine.pt"))
    with pytest.raises(CheckpointError, match="give it with --licence"):
        convert_encoder(str(renamed), Wanted())
    with pytest.raises(CheckpointError, match=r"give it with --size \(256 or 384\)"):
        convert_encoder(str(renamed), Wanted(licence="MIT"))
    assert convert_encoder(str(renamed), Wanted(licence="MIT", size=384)).encoder.tokens == 24 * 24


@pytest.mark.parametrize(
    ("source", "said"),
    [
        ("missing/vitg-384.pt", "curl -LO https://dl.fbaipublicfiles.com/vjepa2/vitg-384.pt"),
        ("nowhere.pt", r"give a .pt file \(vitl.pt"),
        ("facebook/vjepa2-none", "hf download facebook/vjepa2-none --local-dir vjepa2-none"),
    ],
)
def test_what_is_missing_is_told_with_the_command_that_fetches_it(source, said, monkeypatch, tmp_path):
    pytest.importorskip("huggingface_hub")
    monkeypatch.setattr("huggingface_hub.constants.HF_HUB_CACHE", str(tmp_path))
    with pytest.raises(CheckpointError, match=said):
        convert_encoder(source, Wanted())


@pytest.mark.parametrize(
    ("readme", "given", "licence"),
    [
        ("---\nlicense: apache-2.0\n---\n", None, "apache-2.0"),
        ("---\nlicense: other\nlicense_name: dinov3-license\n---\n", None, "dinov3-license"),
        ("---\nlicense: apache-2.0\n---\n", "MIT", "MIT"),
        ("---\nlicense: cc-by-nc-4.0\n---\n", None, None),
        ("---\ntags: [video]\n---\nlicense: mit\n", None, None),
        ("license: mit", None, None),
    ],
)
def test_the_licence_is_known_or_asked_for(tmp_path, readme, given, licence):
    (tmp_path / "README.md").write_text(readme)
    if licence is not None:
        assert licence_of(tmp_path, given, non_commercial=False) == licence
        return
    with pytest.raises(CheckpointError, match=r"--licence|cc-by-nc-4.0: --non-commercial says"):
        licence_of(tmp_path, given, non_commercial=False)
    if "nc" in readme:
        assert licence_of(tmp_path, given, non_commercial=True) == "cc-by-nc-4.0"


def test_controls_take_no_options():
    with pytest.raises(CheckpointError, match="the control pixels is what it is"):
        convert_encoder("pixels", Wanted(pool=2))


def test_an_encoder_s_weights_that_are_no_numbers_are_named(tmp_path):
    wm_ros("convert", "random", "--out", tmp_path / "ours")
    path = tmp_path / "ours" / "weights.safetensors"
    weights = load_file(path)
    name = sorted(weights)[0]
    weights[name].view(-1)[0] = float("nan")
    save_file(weights, path)
    with pytest.raises(CheckpointError, match=f"{name} holds 1 NaN or infinite numbers") as told:
        load_encoder_of(tmp_path / "ours")
    assert str(path) in str(told.value)


@pytest.fixture
def folder(tmp_path):
    """A Hugging Face folder of a small V-JEPA 2."""
    transformers = pytest.importorskip("transformers")
    sizes = {"hidden_size": 48, "num_attention_heads": 2, "num_hidden_layers": 1, "crop_size": 64}
    predictor = {"pred_hidden_size": 24, "pred_num_attention_heads": 2, "pred_num_hidden_layers": 1}
    transformers.VJEPA2Model(transformers.VJEPA2Config(**sizes, **predictor)).save_pretrained(tmp_path / "v")
    return tmp_path / "v"


def spoil(path):
    weights = load_file(path)
    weights["encoder.layernorm.weight"][7] = float("inf")
    save_file(weights, path, {"format": "pt"})


def rewrite(path, **entries):
    path.write_text(json.dumps({**json.loads(path.read_text()), **entries}))


@pytest.mark.parametrize(
    ("damage", "said"),
    [
        (lambda f: (f / "config.json").unlink(), r"expected config.json, found \['model.safetensors'"),
        (lambda f: (f / "config.json").write_text("{"), "cannot be read as JSON"),
        (lambda f: rewrite(f / "config.json", model_type="llama"), "model_type 'llama'; known: vjepa2"),
        (lambda f: rewrite(f / "config.json", hidden_size=96), r"has shape \[.*\], the card describes"),
        (lambda f: rewrite(f / "config.json", num_hidden_layers=2), r"missing weights \['blocks.1."),
        (lambda f: rewrite(f / "config.json", crop_size=60), "60 pixels do not divide into patches of 16"),
        (
            lambda f: (f / "model.safetensors").write_bytes((f / "model.safetensors").read_bytes()[:-100]),
            "model.safetensors is damaged or no safetensors file",
        ),
        (
            lambda f: (f / "model.safetensors").rename(f / "pytorch_model.bin"),
            r"expected weights in a .safetensors file, found \['pytorch_model.bin'\], which are pickles",
        ),
        (lambda f: (f / "model.safetensors").unlink(), "found none"),
        (lambda f: spoil(f / "model.safetensors"), r"norm\.weight holds 1 NaN or infinite numbers of 48"),
    ],
)
def test_a_damaged_folder_is_named(folder, damage, said):
    damage(folder)
    with pytest.raises(CheckpointError, match=said) as told:
        convert_encoder(str(folder), Wanted(licence="MIT"))
    assert str(folder) in str(told.value)
