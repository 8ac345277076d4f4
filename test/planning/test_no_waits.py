"""Within a plan the host never waits for the device, tried on one without numbers: `meta` has shapes only, and whoever
wants a number of it fails."""

from dataclasses import replace

import pytest

pytest.importorskip("torch")

import torch
from checkpoint_harness import small_model
from torch.utils._python_dispatch import TorchDispatchMode

from wm_ros.bench.gpu import sizes
from wm_ros.models.card import Network
from wm_ros.planning.options import PlannerOptions
from wm_ros.robots.profile import load_profile
from wm_ros.stages.plan import PlanStage

SMALL = PlannerOptions(batch_size=8, iteration_count=2, elites=4, knots=2, steps_per_knot=1)
LATENT = {"per_dimension": {"variance_per_dimension": [1.0, 1.0]}}


def arm(bottleneck="noise", **card):
    return small_model(load_profile("arm"), weight=0.3, bottleneck={"name": bottleneck}, **card)


class Copies(TorchDispatchMode):
    """Copies from one device to another that the host waits for."""

    def __init__(self):
        super().__init__()
        self.waited, self.crossed = [], 0

    def __torch_dispatch__(self, function, types, args=(), kwargs=None):
        out = function(*args, **(kwargs or {}))
        if function.name().startswith(("aten::to.", "aten::_to_copy", "aten::copy_")):
            source = args[1] if function.name().startswith("aten::copy_") else args[0]
            if source.device != out.device:
                self.crossed += 1
                if not (kwargs or {}).get("non_blocking"):
                    self.waited.append((function.name(), tuple(source.shape)))
        return out


@pytest.mark.parametrize(
    ("make", "options"),
    [
        (arm, SMALL),
        (arm, replace(SMALL, method="mppi")),
        (lambda: arm("discrete"), replace(SMALL, method="categorical")),
        (lambda: arm(forward_model=Network(32, 2, 4)), replace(SMALL, context_frames=3)),
        (lambda: arm("sparse", training=LATENT), replace(SMALL, space="latent")),
        (lambda: arm("discrete", training=LATENT), replace(SMALL, space="latent", method="categorical")),
        (lambda: sizes.action_conditioned(True, "cpu"), SMALL),
    ],
    ids=[
        "cem",
        "mppi",
        "categorical",
        "observed past",
        "latent sparse",
        "latent categorical",
        "V-JEPA 2-AC",
    ],
)
def test_the_only_wait_of_a_plan_is_for_its_result(make, options):
    model = make()
    if model.needs_pose:
        model.at([0.4, 0.0, 0.3, 3.1, 0.0, 0.2, 0.5])
    precision = model.precisions[-1]
    model.to("meta")
    stage = PlanStage(model, options, 0, precision)
    states = torch.zeros(2, model.encoder.tokens, model.encoder.dim, device="meta")
    stage.set_goal(states[1])
    for step in range(options.context_frames):
        with (
            pytest.raises(NotImplementedError, match="Cannot copy out of meta tensor") as error,
            Copies() as seen,
        ):
            stage(step * 200_000_000, states[0])
        assert "_result" in [entry.name for entry in error.traceback]
        assert not seen.waited
        assert seen.crossed >= options.iteration_count  # random numbers come from the host
