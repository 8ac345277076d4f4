"""Encoders that others trained: our outputs are theirs, from the published layouts, with no download."""

import json

import pytest

pytest.importorskip("torch")
pytest.importorskip("transformers")

import torch
import transformers
from published_weights import FRAMES, SQUARE, write_folder
from torch.nn import functional as F

from wm_ros.models.card import CheckpointError
from wm_ros.models.encoder_checkpoint import load_encoder, save_encoder
from wm_ros.models.encoders.hugging_face import FAMILIES
from wm_ros.models.encoders.preprocess import Preprocess
from wm_ros.models.encoders.registry import build_encoder
from wm_ros.models.imports.convert import Wanted, convert_encoder

SIZES = {"hidden_size": 48, "num_attention_heads": 2, "num_hidden_layers": 3}
CROP = {"size": {"shortest_edge": 73}, "crop_size": {"height": 64, "width": 64}, **SQUARE}
WHOLE = {"size": {"height": 64, "width": 64}, **SQUARE}


def twice(pictures):
    return pictures.unsqueeze(1).expand(-1, 2, -1, -1, -1)


def vjepa2():
    predictor = {"pred_hidden_size": 24, "pred_num_attention_heads": 2, "pred_num_hidden_layers": 1}
    model = transformers.VJEPA2Model(transformers.VJEPA2Config(crop_size=64, **SIZES, **predictor))
    return model, CROP, 0, lambda pictures: {"pixel_values_videos": twice(pictures), "skip_predictor": True}


def videomae():
    # Of sixteen frames, as published; a frame twice has the positions of the first two.
    settings = transformers.VideoMAEConfig(image_size=64, num_frames=16, use_mean_pooling=False, **SIZES)
    model = transformers.VideoMAEModel(settings)
    model.embeddings.position_embeddings = model.embeddings.position_embeddings[:, :16]
    return model, CROP, 0, lambda pictures: {"pixel_values": twice(pictures)}


def dinov2():
    model = transformers.Dinov2Model(transformers.Dinov2Config(image_size=80, patch_size=16, **SIZES))
    return model, {**CROP, "resample": 3}, 1, lambda pictures: {"pixel_values": pictures}


def dinov2_registers():
    settings = transformers.Dinov2WithRegistersConfig(image_size=80, patch_size=16, **SIZES)
    model = transformers.Dinov2WithRegistersModel(settings)
    return model, CROP, 1 + settings.num_register_tokens, lambda pictures: {"pixel_values": pictures}


def dinov3():
    settings = transformers.DINOv3ViTConfig(image_size=64, patch_size=16, num_register_tokens=4, **SIZES)
    return transformers.DINOv3ViTModel(settings), WHOLE, 5, lambda pictures: {"pixel_values": pictures}


def siglip2():
    model = transformers.SiglipVisionModel(transformers.SiglipVisionConfig(image_size=64, **SIZES))
    return model, WHOLE, 0, lambda pictures: {"pixel_values": pictures}


def siglip2_naflex():
    def patches(pictures):
        rows = [
            picture.reshape(3, 4, 16, 4, 16).permute(1, 3, 2, 4, 0).reshape(16, -1) for picture in pictures
        ]
        return {
            "pixel_values": torch.stack(rows),
            "pixel_attention_mask": torch.ones(len(pictures), 16, dtype=torch.long),
            "spatial_shapes": torch.tensor([[4, 4]] * len(pictures)),
        }

    settings = transformers.Siglip2VisionConfig(num_patches=16, **SIZES)
    preprocessor = {"max_num_patches": 16, "patch_size": 16, **SQUARE}
    return transformers.Siglip2VisionModel(settings), preprocessor, 0, patches


ALL = [vjepa2, videomae, dinov2, dinov2_registers, dinov3, siglip2, siglip2_naflex]


def test_every_family_is_compared():
    assert {make.__name__.replace("_", "-") for make in ALL} == {"vjepa2", *FAMILIES}


@pytest.fixture(scope="module", params=ALL, ids=lambda make: make.__name__)
def theirs(request, tmp_path_factory):
    """A model of transformers, the folder it was saved in, and its patch tokens of pictures after some layer."""
    model, preprocessor, prefix, take = request.param()
    folder = write_folder(tmp_path_factory.mktemp("theirs") / "model", model, preprocessor)

    @torch.no_grad()
    def tokens(pictures, layer=None):
        out = model(**take(pictures), output_hidden_states=layer is not None)
        return (out.last_hidden_state if layer is None else out.hidden_states[layer])[:, prefix:]

    return folder, tokens


def converted(folder, tmp_path, **wanted):
    """What comes back of a converted folder after it was written and read."""
    save_encoder(convert_encoder(str(folder), Wanted(**wanted)), tmp_path / "ours")
    return load_encoder(tmp_path / "ours").encoder


@pytest.mark.parametrize("layer", [None, 2])
def test_tokens_are_those_of_transformers(theirs, tmp_path, layer):
    folder, tokens = theirs
    encoder = converted(folder, tmp_path, layer=layer)
    expected = tokens(encoder.preprocess(FRAMES), layer)
    ours = encoder(FRAMES)
    assert ours.shape == (3, encoder.tokens, encoder.dim) == (3, 16, 48)
    assert (
        encoder.backbone(encoder.preprocess(FRAMES)) - expected
    ).abs().max() <= 1e-5 * expected.abs().max()
    torch.testing.assert_close(ours, F.layer_norm(expected, (48,)), rtol=0, atol=1e-5)


@pytest.mark.parametrize(("size", "layers"), [(256, 2), (384, 2)])
def test_vjepa2_at_the_sizes_it_is_published_in(tmp_path, size, layers):
    """The first blocks of ViT-L on the grids of 256 and 384 pixels."""
    torch.manual_seed(0)
    sizes = {"hidden_size": 1024, "num_attention_heads": 16, "num_hidden_layers": layers}
    predictor = {"pred_hidden_size": 24, "pred_num_attention_heads": 2, "pred_num_hidden_layers": 1}
    model = transformers.VJEPA2Model(transformers.VJEPA2Config(crop_size=size, **sizes, **predictor)).eval()
    crop = {"size": {"shortest_edge": size * 8 // 7}, "crop_size": {"height": size, "width": size}, **SQUARE}
    folder = write_folder(tmp_path / "theirs", model, crop)
    encoder = converted(folder, tmp_path)
    pictures = encoder.preprocess(torch.randint(0, 256, (1, 480, 640, 3), dtype=torch.uint8))
    with torch.no_grad():
        expected = model(pixel_values_videos=twice(pictures), skip_predictor=True).last_hidden_state
        ours = encoder.backbone(pictures)
    assert ours.shape == (1, (size // 16) ** 2, 1024)
    assert (ours - expected).abs().max() <= 1e-5 * expected.abs().max()


def test_a_frame_is_encoded_on_its_own(theirs, tmp_path):
    encoder = converted(theirs[0], tmp_path)
    before, changed = encoder(FRAMES), FRAMES.clone()
    changed[2] = 255 - changed[2]
    after = encoder(changed)
    torch.testing.assert_close(after[:2], before[:2], rtol=0, atol=1e-5)
    assert (after[2] - before[2]).abs().max() > 0.1
    torch.testing.assert_close(encoder(FRAMES[1:2]), before[1:2], rtol=0, atol=1e-5)


def test_pooled_tokens_are_means_of_squares(theirs, tmp_path):
    folder, tokens = theirs
    encoder = converted(folder, tmp_path, pool=2)
    grid = tokens(encoder.preprocess(FRAMES)).view(3, 4, 4, 48)
    corner = F.layer_norm(grid[:, 2:, :2].mean(dim=(1, 2)), (48,))
    assert encoder.tokens == 4
    torch.testing.assert_close(encoder(FRAMES)[:, 2], corner, rtol=0, atol=1e-5)


def test_half_precision_is_kept_on_disk_and_gives_single_precision_tokens(theirs, tmp_path):
    whole = converted(theirs[0], tmp_path)(FRAMES)
    encoder = converted(theirs[0], tmp_path, precision="bfloat16")
    half = encoder(FRAMES)
    assert next(encoder.parameters()).dtype is torch.bfloat16
    assert half.dtype is torch.float32
    assert 0.0 < (half - whole).abs().mean() < 0.1


@pytest.mark.parametrize(
    ("file", "entries", "wanted", "said"),
    [
        ("config.json", {"hidden_size": 96}, {}, "config.json and weights do not belong together"),
        ("config.json", {"num_hidden_layers": 4}, {}, r"missing keys \["),
        ("config.json", {}, {"layer": 9}, "layer must be from 1 to 3, the number of blocks, got 9"),
        ("preprocessor_config.json", {"crop_size": {"height": 64, "width": 48}}, {}, "a square crop_size"),
        ("preprocessor_config.json", {"resample": 0}, {}, "resample 0 of the preprocessor; known"),
        ("preprocessor_config.json", None, {}, r"settings lack \['image_mean', 'image_std'\]"),
    ],
)
def test_a_folder_that_does_not_fit_together_is_named(tmp_path, file, entries, wanted, said):
    model, preprocessor, *_ = dinov2()
    folder = write_folder(tmp_path / "theirs", model, preprocessor)
    settings = {} if entries is None else {**json.loads((folder / file).read_text()), **entries}
    (folder / file).write_text(json.dumps(settings))
    with pytest.raises(CheckpointError, match=said) as told:
        convert_encoder(str(folder), Wanted(**wanted))
    assert str(folder) in str(told.value)


def test_many_frames_are_encoded_some_at_a_time_to_the_same_tokens(tmp_path):
    model, preprocessor, *_ = vjepa2()
    encoder = converted(write_folder(tmp_path / "theirs", model, preprocessor), tmp_path)
    many = FRAMES.repeat(12, 1, 1, 1)
    torch.testing.assert_close(encoder(many), encoder(FRAMES).repeat(12, 1, 1), rtol=0, atol=1e-5)


def test_latents_of_an_autoencoder_are_those_of_diffusers(tmp_path):
    diffusers = pytest.importorskip("diffusers")
    torch.manual_seed(0)
    halves = {"down_block_types": ("DownEncoderBlock2D",) * 2, "up_block_types": ("UpDecoderBlock2D",) * 2}
    model = diffusers.AutoencoderKL(
        block_out_channels=(16, 32), norm_num_groups=8, sample_size=64, **halves
    ).eval()
    model.save_pretrained(tmp_path / "theirs")
    encoder = converted(tmp_path / "theirs", tmp_path, licence="MIT")
    with torch.no_grad():
        mean = model.encode(encoder.preprocess(FRAMES)).latent_dist.mean * model.config.scaling_factor
    assert (encoder.tokens, encoder.dim) == (32 * 32, 4)
    torch.testing.assert_close(encoder(FRAMES), mean.flatten(2).transpose(1, 2), rtol=0, atol=1e-5)


def test_pixels_are_the_pixels(tmp_path):
    encoder = converted("pixels", tmp_path)
    tokens = encoder(FRAMES)
    pictures = encoder.preprocess(FRAMES)
    torch.testing.assert_close(tokens[:, 5].view(3, 3, 16, 16), pictures[:, :, 16:32, 16:32])


def test_the_random_control_is_the_same_every_time(tmp_path):
    first = converted("random", tmp_path)(FRAMES)
    torch.testing.assert_close(converted("random", tmp_path / "again")(FRAMES), first, rtol=0, atol=0)


@pytest.mark.parametrize("shape", [(480, 640), (640, 480), (73, 73), (50, 200)])
@pytest.mark.parametrize("resample", [2, 3])
def test_pictures_are_those_of_transformers_processor(shape, resample):
    """Up to one level in 255: Pillow and torch round the resized picture a little differently."""
    from transformers.models.bit.image_processing_pil_bit import BitImageProcessorPil

    processor = BitImageProcessorPil(
        size=CROP["size"], crop_size=CROP["crop_size"], **{**SQUARE, "resample": resample}
    )
    frame = torch.randint(0, 256, (*shape, 3), dtype=torch.uint8, generator=torch.Generator().manual_seed(1))
    mean, std = SQUARE["image_mean"], SQUARE["image_std"]
    ours = Preprocess(64, 73, mean, std, {2: "bilinear", 3: "bicubic"}[resample])(frame[None])
    expected = processor([frame.numpy()], return_tensors="pt")["pixel_values"]
    difference = (ours - expected).abs() * torch.tensor(std).view(3, 1, 1) * 255
    assert difference.max() < 1.01
    assert difference.mean() < 0.2


@pytest.mark.parametrize(
    ("change", "said"),
    [
        ({"name": "vjepa3"}, "unknown encoder 'vjepa3'; known: tiny, video, random, vjepa2"),
        ({"pool": 3}, "pool of an encoder must divide its grid of 4 x 4 tokens, got 3"),
        ({"precision": "int8"}, "precision of an encoder must be one of"),
        ({"normalise": 1}, "normalise of an encoder must be true or false"),
        ({"layer": 4}, "layer must be from 1 to 3"),
        ({"input": {"size": 64}}, "missing 3 required positional arguments"),
        ({"surprise": 1}, "surprise"),
    ],
)
def test_a_wrong_entry_of_the_card_is_named(tmp_path, change, said):
    model, preprocessor, *_ = vjepa2()
    folder = write_folder(tmp_path / "theirs", model, preprocessor)
    converted(folder, tmp_path)
    path = tmp_path / "ours" / "card.json"
    card = json.loads(path.read_text())
    card["encoder"].update(change)
    path.write_text(json.dumps(card))
    with pytest.raises(CheckpointError, match=said) as told:
        load_encoder(tmp_path / "ours")
    assert str(tmp_path / "ours") in str(told.value)


@pytest.mark.parametrize(
    ("rule", "said"),
    [
        ({"size": 60}, "60 pixels do not divide into patches of 16"),
        ({"size": 0}, "input.size of an encoder must be an integer from 1 to 4096, got 0"),
        ({"shortest_edge": 32}, "input.shortest_edge of an encoder must be null, or an integer from size"),
        ({"mean": [0.5]}, "input.mean of an encoder must be three numbers"),
        ({"std": [0.5, 0.5, 0.0]}, "input.std of an encoder must be three numbers from 0.001 to 1"),
        ({"interpolation": "nearest"}, "input.interpolation of an encoder must be one of"),
    ],
)
def test_a_wrong_input_rule_is_named(rule, said):
    config = {
        "name": "vjepa2",
        "input": {"size": 64, "shortest_edge": 73, "mean": [0.5] * 3, "std": [0.5] * 3, **rule},
        "model": {"width": 48, "depth": 1, "heads": 2, "hidden": 96},
    }
    with pytest.raises(ValueError, match=said):
        build_encoder(config)


@pytest.mark.parametrize("frames", [torch.zeros(3, 3, 80, 100), torch.zeros(80, 100, 3, dtype=torch.uint8)])
def test_other_frames_are_refused(tmp_path, frames):
    encoder = converted("pixels", tmp_path)
    with pytest.raises(ValueError, match=r"frames must be uint8 \[B, H, W, 3\], got"):
        encoder(frames)
