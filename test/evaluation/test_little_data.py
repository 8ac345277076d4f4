"""Few episodes: the probe is a ridge regression, each episode is held out in turn, and what is open is said."""

import numpy as np
import pytest

pytest.importorskip("sklearn")
pytest.importorskip("torch")
pytest.importorskip("accelerate")

from evaluation_harness import config, made_by_hand

from wm_ros.evaluation import config as configuration
from wm_ros.evaluation.dataset.encoders import OUTPUT
from wm_ros.evaluation.report.certainty import interval_text, level_of, what_is_open
from wm_ros.evaluation.studies.probe import probe, probe_kind
from wm_ros.evaluation.studies.ridge import cross_fit, fit_ridge
from wm_ros.evaluation.studies.statistics import more_episodes, r2_statistics, ratio_interval


def nothing(share):
    pass


def turned(count, seed=0):
    """States and changes [C, 4], and commands [C, 2] that are the changes, turned as the state says."""
    rng = np.random.default_rng(seed)
    state, change = rng.uniform(-1, 1, (count, 2)), rng.uniform(-1, 1, (count, 2))
    wanted = state[:, :1] * change + state[:, 1:] * change[:, ::-1]
    return np.concatenate([state, change], axis=1).astype(np.float32), wanted


def r2(true, found):
    return 1.0 - np.square(true - found).sum() / np.square(true - true.mean(axis=0)).sum()


# The regression.


def test_what_a_change_means_may_depend_on_the_state():
    inputs, wanted = turned(400)
    others, true = turned(100, seed=1)
    assert r2(true, fit_ridge(inputs, wanted, np.arange(400) // 40)(others)) > 0.98


def test_inputs_that_tell_nothing_are_hardly_heeded():
    rng = np.random.default_rng(0)
    inputs, wanted = rng.normal(size=(600, 40)).astype(np.float32), rng.normal(size=(600, 2))
    found = fit_ridge(inputs[:400], wanted[:400], np.arange(400) // 40)(inputs[400:])
    assert -0.1 < r2(wanted[400:], found) < 0.05


def test_predictions_of_a_scene_unlike_all_others_stay_within_the_commands():
    inputs, wanted = turned(200)
    found = fit_ridge(inputs, wanted, np.arange(200) // 20)(1000.0 * inputs)
    assert (found >= wanted.min(axis=0)).all()
    assert (found <= wanted.max(axis=0)).all()


def test_no_episode_is_predicted_by_a_regression_that_has_seen_it():
    """Each episode has a scene and a command of its own: whoever has seen it knows the command."""
    episodes = np.repeat(np.arange(12), 20)
    rng = np.random.default_rng(0)
    scenes, driven = rng.normal(size=(12, 12)), rng.normal(size=(12, 2))
    inputs = (scenes[episodes] + 0.01 * rng.normal(size=(240, 12))).astype(np.float32)
    wanted = driven[episodes] + 0.01 * rng.normal(size=(240, 2))
    assert r2(wanted, fit_ridge(inputs, wanted, np.arange(240))(inputs)) > 0.9
    assert r2(wanted, cross_fit(inputs, wanted, episodes, nothing)(inputs, episodes)) < 0.1


@pytest.mark.parametrize("count", [2, 3])
def test_two_episodes_are_enough_to_fit_and_score(count):
    inputs, wanted = turned(80 * count)
    episodes = np.repeat(np.arange(count), 80)
    assert r2(wanted, cross_fit(inputs, wanted, episodes, nothing)(inputs, episodes)) > 0.9


# The study.


def walk(count=400):
    """Places [F, 2] and the steps [F, 2] between them."""
    steps = np.random.default_rng(0).uniform(-1.0, 1.0, (count, 2))
    return np.concatenate([np.zeros((1, 2)), np.cumsum(steps, axis=0)[:-1]]), steps


def test_every_episode_is_scored_where_there_are_few_and_a_fifth_where_there_are_many(tmp_path, monkeypatch):
    dataset = made_by_hand(tmp_path / "bag", *walk())
    output = probe(dataset, config(tmp_path), "checkpoint", nothing)["layers"][OUTPUT]
    assert output["total"]["mean"] > 0.9
    assert output["total"]["episodes"] == 10
    assert output["total"]["interval"] == [output["total"]["low"], output["total"]["high"]]
    assert output["pairs"] == {"fitted": 390, "scored": 390}
    assert "10 episodes are fewer than 100" in probe_kind(dataset)["why"]
    monkeypatch.setattr(configuration, "FEW_EPISODES", 10)
    answer = probe(dataset, config(tmp_path), "checkpoint", nothing)
    output = answer["layers"][OUTPUT]
    assert probe_kind(dataset)["kind"] == "MLP"
    assert output["total"]["mean"] > 0.7
    assert len(output["total"]["by_seed"]) == 3
    assert output["total"]["interval"] is None  # two are held out
    assert output["pairs"] == {"fitted": 312, "scored": 78}
    assert answer["ladder"]["noise"][1]["r2"]["mean"] == answer["ladder"]["none"][0]["r2"]["mean"]


# How certain a figure is.


def observed(episodes, seed):
    """Errors and those of doing nothing [S, 1] in episodes that differ; the ratio over all episodes is .4."""
    rng = np.random.default_rng(seed)
    of = np.repeat(np.arange(episodes), 20)
    wholes = rng.exponential(1.0, (len(of), 1))
    parts = wholes * 0.4 * rng.lognormal(-0.125, 0.5, episodes)[of][:, None]
    return parts, wholes, of


def test_the_interval_holds_what_all_episodes_would_give_about_as_often_as_it_says():
    intervals = [ratio_interval(*observed(12, seed)) for seed in range(200)]
    assert 0.88 <= np.mean([low <= 0.4 <= high for low, high in intervals]) <= 0.99
    assert ratio_interval(*observed(4, 0)) is None


def test_more_episodes_narrow_it_as_promised():
    def read(episodes, seed):
        """Commands read with noise, in some episodes more than in others."""
        rng = np.random.default_rng(seed)
        true, noise = rng.normal(size=(2, 20 * episodes, 1))
        noisy = true + noise * rng.lognormal(-0.5, 0.4, episodes).repeat(20)[:, None]
        return r2_statistics(true, [noisy], [0], np.repeat(np.arange(episodes), 20))

    few = [read(20, seed) for seed in range(20)]
    half = np.mean([found["high"] - found["low"] for found in few]) / 2
    count = 20 + round(np.mean([more_episodes(found, half / 2) for found in few]))
    many = [read(count, seed) for seed in range(20)]
    assert np.mean([found["high"] - found["low"] for found in many]) / 2 == pytest.approx(half / 2, rel=0.2)


def figure(mean, low, high, episodes=12):
    return {"mean": mean, "interval": None if low is None else [low, high], "episodes": episodes}


def two(value):
    return f"{value:.2f}"


def test_what_is_open_is_said_with_what_would_settle_it():
    found = figure(0.52, 0.35, 0.65)
    assert interval_text(found, two) == "between 0.35 and 0.65 over 12 episodes"
    assert what_is_open(found, 0.5, 0.2, two) == (
        "whether it is above 0.50 is open: about 75 more episodes would narrow it to +-0.05"
    )
    assert what_is_open(figure(0.62, 0.55, 0.7), 0.5, 0.2, two) == ""
    assert "over 3 episodes, too few to say" in interval_text(figure(0.62, None, None, 3), two)
    assert what_is_open(figure(0.62, None, None, 3), 0.5, 0.2, two) == ""
    assert "whether it is below 0.60 is open" in what_is_open(figure(0.5, 0.4, 0.62), 0.6, 0.95, two)


@pytest.mark.parametrize(
    ("found", "limits", "level"),
    [
        (figure(0.6, 0.55, 0.7), (0.5, 0.2), "good"),
        (figure(0.6, 0.4, 0.7), (0.5, 0.2), "care"),
        (figure(0.6, None, None), (0.5, 0.2), "good"),
        (figure(0.1, -0.2, 0.15), (0.5, 0.2), "bad"),
        (figure(0.1, -0.2, 0.4), (0.5, 0.2), "unknown"),
        (figure(0.3, 0.25, 0.4), (0.6, 0.95), "good"),
        (figure(1.2, 0.9, 1.4), (0.6, 0.95), "unknown"),
    ],
)
def test_a_verdict_is_no_better_than_what_is_certain(found, limits, level):
    assert level_of(found, *limits) == level
