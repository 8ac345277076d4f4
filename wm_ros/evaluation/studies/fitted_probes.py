"""Probes of both kinds behind one function: networks of several seeds, or ridge regressions."""

from __future__ import annotations

from collections.abc import Callable, Mapping

import numpy as np

from wm_ros.evaluation.config import SEEDS
from wm_ros.evaluation.studies.ridge import cross_fit, fit_ridge
from wm_ros.training.probes import fit

# From the name of the inputs it was fitted on, other inputs [C, I] and their episodes [C]: [C, A] of each seed.
Predict = Callable[[str, np.ndarray, np.ndarray], "list[np.ndarray]"]


def fit_networks(
    inputs: Mapping[str, np.ndarray],
    wanted: np.ndarray,
    episodes: np.ndarray,
    steps: int,
    progress: Callable[[float], None],
) -> Predict:
    """Three MLPs for each of the inputs [C, I], by name, to wanted [C, A]."""
    networks = [(name, seed) for name in inputs for seed in range(SEEDS)]
    shown, seeds = [inputs[name] for name, _ in networks], [seed for _, seed in networks]
    predict = fit(shown, wanted, episodes, seeds, steps, progress)

    def predictions(name: str, others: np.ndarray, of: np.ndarray) -> list[np.ndarray]:
        return [predict(others, networks.index((name, seed))) for seed in range(SEEDS)]

    return predictions


def fit_ridges(
    inputs: Mapping[str, np.ndarray],
    wanted: np.ndarray,
    episodes: np.ndarray,
    cross: bool,
    progress: Callable[[float], None],
) -> Predict:
    """One ridge regression for each of the inputs; with `cross`, those that predict an episode have not seen it."""
    fitted: dict[str, Callable[[np.ndarray, np.ndarray], np.ndarray]] = {}
    for place, (name, shown) in enumerate(inputs.items()):

        def done(share: float, place: int = place) -> None:
            progress((place + share) / len(inputs))

        if cross:
            fitted[name] = cross_fit(shown, wanted, episodes, done)
        else:
            fitted[name] = _whatever_episode(fit_ridge(shown, wanted, episodes))
            done(1.0)
    return lambda name, others, of: [fitted[name](others, of)]


def _whatever_episode(
    predict: Callable[[np.ndarray], np.ndarray],
) -> Callable[[np.ndarray, np.ndarray], np.ndarray]:
    return lambda others, of: predict(others)
