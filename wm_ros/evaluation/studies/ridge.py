"""Ridge regression as the probe of few episodes, chosen and scored by cross-validation over episodes.

An MLP learns a handful of episodes by heart. What a command changes in a state is nearly linear, and how depends on the
state. So the probe is linear in both halves of its input, the state and its change, in products of the two and, where
the data bear it, in products with the state's squares.
"""

from __future__ import annotations

from collections.abc import Callable

import numpy as np

COMPONENTS, SQUARED = 16, 8  # leading components of each half, and those of which squares are taken
STRENGTHS = 10.0 ** np.arange(6)  # of the regularisation; the last leaves little but the mean
SCORED_FOLDS, CHOSEN_FOLDS = 8, 4
# A scene unlike all others lies far outside in some component, where products would run away.
INPUT_REACH, COMPONENT_REACH = 5.0, 3.0  # standard deviations
MIN_STD = 0.1  # of the mean of all numbers

Predict = Callable[[np.ndarray], np.ndarray]
Features = Callable[[np.ndarray], np.ndarray]


def fit_ridge(inputs: np.ndarray, wanted: np.ndarray, episodes: np.ndarray) -> Predict:
    """Fit one ridge regression from inputs [C, 2 D] to wanted [C, A]; returns the function of other inputs.

    Of each component of wanted, features and strength are those of least error in a cross-validation in which no
    episode [C] is in both parts. Predictions keep within the range of wanted.
    """
    from sklearn.linear_model import Ridge

    groups = episodes
    if len(np.unique(episodes)) == 1:
        groups = np.arange(len(episodes)) * 2 // len(episodes)  # both halves of the only episode
    kinds = [_features(inputs, squares) for squares in (False, True)]
    errors = np.stack([_errors(features(inputs), wanted, groups) for features in kinds])
    kind, strength = np.divmod(errors.reshape(-1, wanted.shape[1]).argmin(axis=0), len(STRENGTHS))
    fitted = [
        Ridge(alpha=STRENGTHS[strength], solver="cholesky").fit(features(inputs), wanted)
        for features in kinds
    ]
    low, high = wanted.min(axis=0), wanted.max(axis=0)

    def predict(others: np.ndarray) -> np.ndarray:
        found = [
            ridge.predict(features(others)).reshape(len(others), -1)
            for ridge, features in zip(fitted, kinds, strict=True)
        ]
        return np.clip(np.where(kind, found[1], found[0]), low, high)

    return predict


def cross_fit(
    inputs: np.ndarray, wanted: np.ndarray, episodes: np.ndarray, progress: Callable[[float], None]
) -> Callable[[np.ndarray, np.ndarray], np.ndarray]:
    """Fit a ridge regression for each of eight parts of the episodes [C], on the others.

    Returns the function from inputs and the episodes they are of to what the regression predicts that has not seen
    the episode.
    """
    folds = _folds(episodes, SCORED_FOLDS)
    fold_of: dict[int, int] = {}
    fitted: list[Predict] = []
    for number, (learned, held) in enumerate(folds):
        fold_of |= dict.fromkeys(np.unique(episodes[held]).tolist(), number)
        fitted.append(fit_ridge(inputs[learned], wanted[learned], episodes[learned]))
        progress((number + 1) / len(folds))

    def predict(others: np.ndarray, of: np.ndarray) -> np.ndarray:
        fold = np.array([fold_of[episode] for episode in of.tolist()], dtype=int)
        found = np.empty((len(others), wanted.shape[1]))
        for number in np.unique(fold):
            found[fold == number] = fitted[number](others[fold == number])
        return found

    return predict


def _errors(shown: np.ndarray, wanted: np.ndarray, groups: np.ndarray) -> np.ndarray:
    """Squared error [strengths, A] on rows whose group was not learned from."""
    from sklearn.linear_model import Ridge

    # One regression with all strengths: of each a copy of the targets, so that the rest is computed once.
    strengths = np.repeat(STRENGTHS, wanted.shape[1])
    errors = np.zeros(len(strengths))
    for learned, checked in _folds(groups, CHOSEN_FOLDS):
        targets = [np.tile(wanted[rows], len(STRENGTHS)) for rows in (learned, checked)]
        ridge = Ridge(alpha=strengths, solver="cholesky").fit(shown[learned], targets[0])
        errors += np.square(ridge.predict(shown[checked]) - targets[1]).sum(axis=0)
    return errors.reshape(len(STRENGTHS), -1)


def _folds(groups: np.ndarray, most: int) -> list[tuple[np.ndarray, np.ndarray]]:
    """Rows to learn from and rows held out, for each of at most so many parts of the groups."""
    from sklearn.model_selection import GroupKFold

    count = min(most, len(np.unique(groups)))
    return list(GroupKFold(count).split(groups, groups=groups))


def _features(inputs: np.ndarray, squares: bool) -> Features:
    """The way from inputs [C, 2 D] to features of unit variance: leading components of both halves, and products."""
    width = inputs.shape[1] // 2
    halves = [_components(half) for half in (inputs[:, :width], inputs[:, width:])]

    def raw(others: np.ndarray) -> np.ndarray:
        state, change = halves[0](others[:, :width]), halves[1](others[:, width:])
        parts = [state, change, _products(state, change)]
        if squares:
            some = state[:, :SQUARED]
            first, second = np.triu_indices(some.shape[1])
            parts.append(_products(some[:, first] * some[:, second], change[:, :SQUARED]))
        return np.concatenate(parts, axis=1)

    shown = raw(inputs)
    mean, std = shown.mean(axis=0), np.maximum(shown.std(axis=0), 1e-9)
    return lambda others: (raw(others) - mean) / std


def _products(first: np.ndarray, second: np.ndarray) -> np.ndarray:
    return (first[:, :, None] * second[:, None, :]).reshape(len(first), -1)


def _components(inputs: np.ndarray) -> Features:
    """The way from inputs [C, D] to their leading components, each of unit variance."""
    from sklearn.decomposition import PCA

    mean, std = inputs.mean(axis=0, dtype=np.float64), inputs.std(axis=0, dtype=np.float64)
    std = np.maximum(std, max(MIN_STD * std.mean(), 1e-9))

    def normal(others: np.ndarray) -> np.ndarray:
        return np.clip((others - mean) / std, -INPUT_REACH, INPUT_REACH)

    shown = normal(inputs)
    if not shown.any():  # nothing varies, as in the second half for the control that sees one frame
        return lambda others: np.zeros((len(others), 1))
    pca = PCA(min(COMPONENTS, *shown.shape), random_state=0).fit(shown)
    scale = np.maximum(np.sqrt(pca.explained_variance_), 1e-9)
    return lambda others: np.clip(pca.transform(normal(others)) / scale, -COMPONENT_REACH, COMPONENT_REACH)
