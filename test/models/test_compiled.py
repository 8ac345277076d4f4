"""torch.compile: the same plans and states, everything before the first of them, and never while driving."""

import warnings

import pytest

pytest.importorskip("torch")

import numpy as np
import torch
from checkpoint_harness import small_model
from torch._dynamo.utils import counters
from torch._inductor import config as inductor

from wm_ros.models.compiled import Compiled, CompileError
from wm_ros.planning.options import PlannerOptions
from wm_ros.robots.profile import load_profile
from wm_ros.stages.encode import Encode
from wm_ros.stages.plan import PlanStage

ARM = load_profile("arm")
STEP_NS = 200_000_000
OPTIONS = PlannerOptions(batch_size=8, iteration_count=2, elites=4, knots=1, steps_per_knot=2)


def compiled_so_far():
    return counters["stats"]["unique_graphs"]


@pytest.fixture(scope="module")
def pair():
    """The same plan stage twice, the second compiled and warm."""
    stages = [
        PlanStage(small_model(ARM, weight=0.3), OPTIONS, 0, compiled=compiled) for compiled in (False, True)
    ]
    with warnings.catch_warnings():
        warnings.filterwarnings("error", message=".*complex")  # for which no code would be written
        stages[1].warm_up()
    return stages


def test_compiled_plans_are_the_same_and_nothing_is_compiled_while_driving(pair):
    states = torch.randn(6, 1, 8, generator=torch.Generator().manual_seed(0))
    for stage in pair:
        assert not stage.has_goal
        stage.set_goal(states[-1])
    before = compiled_so_far()
    for number, state in enumerate(states[:-1]):
        plain, compiled = (stage(number * STEP_NS, state) for stage in pair)
        np.testing.assert_allclose(compiled.candidates, plain.candidates, atol=1e-6)
        assert compiled.cost == pytest.approx(plain.cost, rel=1e-4)
    assert compiled_so_far() == before > 0


def test_a_second_activation_finds_everything_compiled(pair):
    before = compiled_so_far()
    pair[1].warm_up()
    assert compiled_so_far() == before


def test_the_encoder_gives_the_same_for_pictures_of_any_size():
    model, other = small_model(ARM, weight=0.3), small_model(ARM, weight=0.3)
    encode = Encode(other)
    encode.warm_up()
    for shape in ((48, 64, 3), (96, 64, 3)):
        frame = np.random.default_rng(0).integers(0, 256, shape, np.uint8)
        torch.testing.assert_close(encode(frame), Encode(model)(frame), rtol=0, atol=1e-5)
    before = compiled_so_far()
    encode.warm_up()
    assert compiled_so_far() == before


def test_another_shape_is_an_error_not_a_minute_without_plans():
    double = Compiled(lambda x: 2 * x, torch.device("cpu"))
    with double.warming_up():
        assert double(torch.ones(3)).tolist() == [2.0, 2.0, 2.0]
    assert double(torch.zeros(3)).tolist() == [0.0, 0.0, 0.0]
    with pytest.raises(RuntimeError, match="fail_on_recompile"):
        double(torch.ones(4))


def test_without_a_compiler_it_says_what_to_install():
    triple = Compiled(lambda x: (3 * x).sin(), torch.device("cpu"))
    said = r"It needs a C\+\+ compiler: install g\+\+; or set `compile` to false"
    none = inductor.patch({"cpp.cxx": ("no-such-compiler",)})
    with pytest.raises(CompileError, match=said), triple.warming_up(), none:
        triple(torch.ones(5))
