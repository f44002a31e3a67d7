import warnings
from pathlib import Path

import numpy as np
import pytest
from scipy.signal import lfilter

import skmi
from skmi import MIFeatureSelector
from skmi.feature_selection.exchange import draw_permutations
from skmi.feature_selection.significance import (
    StepTest,
    chi_squared_pvalues,
    chi_squared_threshold,
    expected_maximum,
    family_pvalues,
    gain_pvalue,
    mean_pvalues,
    searched_pvalue,
)


def test_permutations_of_blocks_and_groups():
    rng = np.random.RandomState(0)
    groups = np.repeat([0, 1], [30, 70])
    drawn = np.asarray(draw_permutations(20, 100, rng, groups, block_length=5))
    assert (drawn[0] == np.arange(100)).all()
    assert (np.sort(drawn, axis=1) == np.arange(100)).all()
    assert (groups[drawn] == groups).all()
    followed = np.diff(drawn[1:, 30:], axis=1) == 1
    assert followed.mean() > 0.85
    free = np.asarray(draw_permutations(20, 100, rng))
    assert (np.diff(free[1:], axis=1) == 1).mean() < 0.05


def test_expected_maximum_is_that_of_draws():
    draws = np.random.RandomState(0).chisquare(9, size=(400, 1000)).max(axis=1)
    value = expected_maximum(9, 1000, 500)
    assert value == pytest.approx((np.median(draws) - 9) / 1000, rel=0.1)


def test_false_discoveries():
    rng = np.random.RandomState(0)
    null = rng.standard_normal((200, 100))
    observed = np.append(rng.standard_normal(90), np.full(10, 5.0))
    pvalues = family_pvalues(np.vstack([observed, null]), "fdr")
    assert (pvalues[90:] < 0.01).all()
    assert (pvalues[:90] > 0.05).all()


def test_noise_is_left_alone():
    """Binomial(40, 0.05): 6 or fewer with probability 0.997."""
    selected = 0
    for seed in range(40):
        rng = np.random.RandomState(seed)
        X, y = rng.standard_normal((200, 60)), rng.standard_normal(200)
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", skmi.NothingSelectedWarning)
            selector = MIFeatureSelector(n_permutations=39, random_state=seed)
            selected += selector.fit(X, y > 0 if seed % 2 else y).support_.any()
    assert selected <= 6


def draw_weights(kind, X, y, rng):
    return {
        "whole": rng.randint(1, 4, size=len(y)),
        "twos": np.full(len(y), 2),
        "large": 1e6 * rng.randint(1, 4, size=len(y)),
        "lognormal": rng.lognormal(size=len(y)),
        "heavy": rng.lognormal(sigma=2, size=len(y)),
        "by y": np.where(y > 1.3, 9.0, 1.0),
        "by X": np.exp(X[:, 0]),
        "by both": np.exp(X[:, 0] + y),
    }[kind]


@pytest.mark.parametrize(
    "kind",
    ["whole", "twos", "large", "lognormal", "heavy", "by y", "by X", "by both"],
)
@pytest.mark.parametrize("labels", [False, True])
def test_weighted_noise_is_left_alone(kind, labels):
    """Binomial(60, 0.05): 7 or fewer with probability 0.99."""
    selected = 0
    for seed in range(60):
        rng = np.random.RandomState(seed)
        X, y = rng.standard_normal((300, 10)), rng.standard_normal(300)
        weights = draw_weights(kind, X, y, rng)
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", skmi.SkmiWarning)
            selector = MIFeatureSelector(n_permutations=99, random_state=seed)
            selector.fit(X, y > 1.3 if labels else y, sample_weight=weights)
        selected += selector.support_.any()
    assert selected <= 7


def test_weights_change_the_distribution_that_is_measured():
    """Copies in one half, noise in the other: weights decide which half counts."""
    rng = np.random.RandomState(0)
    x, half = rng.randint(4, size=4000), np.arange(4000) < 2000
    y = np.where(half, x, rng.randint(4, size=4000))
    X = np.column_stack([x, rng.standard_normal((4000, 2))])
    for weight in (0.3, 1.0, 19.0):
        share = weight / (1 + weight)
        cells = share * np.eye(4) / 4 + (1 - share) / 16
        truth = (cells * np.log(16 * cells)).sum()
        selector = MIFeatureSelector(random_state=0)
        selector.fit(X, y, sample_weight=np.where(half, weight, 1.0))
        assert selector.scores_[0] == pytest.approx(truth, abs=0.03)
        assert selector.support_.tolist() == [True, False, False]


def test_false_discoveries_of_fdr_control():
    rng = np.random.RandomState(0)
    X = rng.standard_normal((600, 100))
    y = X[:, :20].sum(axis=1) + rng.standard_normal(600)
    counts = {}
    for control in ("fwer", "fdr"):
        selector = MIFeatureSelector(
            criterion="mim", control=control, random_state=0
        ).fit(X, y)
        counts[control] = selector.support_[:20].sum()
        assert selector.support_[20:].sum() <= 3
    assert counts["fdr"] >= counts["fwer"]
    assert counts["fdr"] >= 12


def test_block_permutations_hold_the_level_in_series():
    """Binomial(60, 0.08): 9 or fewer with probability 0.98; without blocks far more."""
    hits = dict.fromkeys([None, 20], 0)
    for seed in range(60):
        noise = np.random.RandomState(seed).standard_normal((500, 6))
        Z = lfilter([1], [1, -0.9], noise, axis=0)[100:]
        for length in hits:
            selector = MIFeatureSelector(
                block_length=length,
                interactions=False,
                n_permutations=39,
                random_state=seed,
            )
            with warnings.catch_warnings():
                warnings.simplefilter("ignore", skmi.NothingSelectedWarning)
                hits[length] += selector.fit(Z[:, 1:], Z[:, 0]).support_.any()
    assert hits[20] <= 9
    assert hits[None] > 30


def test_permutation_groups_take_out_what_lies_between_groups():
    rng = np.random.RandomState(0)
    site = np.repeat([0, 1], 200)
    X = rng.standard_normal((400, 5)) + 2 * site[:, np.newaxis]
    y = rng.standard_normal(400) + 2 * site
    plain = MIFeatureSelector(random_state=0).fit(X, y)
    assert (plain.pvalues_ < 0.05).all()
    within = MIFeatureSelector(random_state=0, interactions=False)
    with pytest.warns(skmi.NothingSelectedWarning):
        within.fit(X, y, permutation_groups=site)
    assert (within.pvalues_ > 0.05).all()


def test_every_pvalue_is_computed_in_one_module():
    """No other module of the selector touches distributions or permutation tests."""
    folder = Path(skmi.__file__).parent / "feature_selection"
    for path in folder.glob("*.py"):
        text = path.read_text(encoding="utf-8")
        if path.name != "significance.py":
            assert "skmi.statistics" not in text, path.name
            assert "scipy.stats" not in text, path.name


def test_pvalues_of_a_family():
    draws = np.array([[3.0, 6.0], [0.1, 5.0], [0.2, 7.0], [0.3, 6.0], [0.2, 6.0]])
    np.testing.assert_allclose(family_pvalues(draws, "fwer"), [0.2, 0.8])
    np.testing.assert_allclose(family_pvalues(draws, "fdr"), [2 / 9, 4 / 9])
    np.testing.assert_array_equal(family_pvalues(draws[:1], "fwer"), [np.nan] * 2)
    lowered = draws - np.array([[1e-11], [0], [0], [0], [0]])
    np.testing.assert_array_equal(
        family_pvalues(lowered, "fwer"), family_pvalues(draws, "fwer")
    )


def test_pvalues_of_a_step():
    """A candidate that is significant alone is not adjusted for the others again."""
    draws = np.random.RandomState(0).standard_normal((40, 30))
    draws[0] = 2.0
    marginal = np.array([0.01] + [0.5] * 29)
    test = StepTest(marginal, (0.05, 0.05), "fwer")
    pvalues, _ = test.pvalues(draws, np.ones(30, bool))
    alone = (1 + (draws[1:, 0] >= 2.0).sum()) / 40
    assert pvalues[0] == max(alone, 0.01)
    family = family_pvalues(draws[:, 1:], "fwer")
    np.testing.assert_array_equal(pvalues[1:], family)
    halved = StepTest(marginal, (0.025, 0.05), "fwer")
    pvalues, _ = halved.pvalues(draws, np.ones(30, bool))
    np.testing.assert_array_equal(pvalues[1:], np.minimum(2 * family, 1))


def test_steps_together_hold_the_level():
    """Eight independent steps: 0.34 if each was tested at the level on its own."""
    hits = 0
    for seed in range(400):
        draws = np.random.RandomState(seed).standard_normal((8, 40, 10))
        test = StepTest(np.full(10, 0.5), (0.05, 0.05), "fwer")
        hits += any(
            (test.pvalues(step, np.ones(10, bool))[0] <= 0.05).any() for step in draws
        )
    assert hits / 400 < 0.2  # independent steps; each at the level: 1 - 0.95**8


def test_pvalues_by_distributions_are_uniform_under_the_null():
    rng = np.random.RandomState(0)
    uniform = [
        chi_squared_pvalues(2.0 * rng.chisquare(3, size=2000), 3, 1, factor=2.0),
        mean_pvalues(rng.standard_normal((2000, 50))),
        [gain_pvalue(row[0], row[1:]) for row in rng.standard_normal((2000, 30))],
    ]
    for pvalues in uniform:
        np.testing.assert_allclose(
            np.quantile(pvalues, [0.05, 0.5, 0.95]), [0.05, 0.5, 0.95], atol=0.03
        )
    threshold = chi_squared_threshold(0.05, 3, 10, factor=2.0)
    assert chi_squared_pvalues(threshold, 3, 10, factor=2.0) == pytest.approx(0.05)
    assert searched_pvalue(0.02, 0.5, 0.025, 10) == pytest.approx(0.2)
    assert searched_pvalue(0.02, 0.01, 0.025, 10) == 0.02
