"""Columns that depend on true ones are left out; truth: the columns that make y."""

import numpy as np
import pytest

from skmi import MIFeatureSelector
from skmi.feature_selection.significance import (
    adjust,
    block_pvalue,
    quadratic_pvalue,
    share_pvalues,
    skewed_block_pvalue,
    skewed_pvalues,
)


def design(kind, rng, n_rows=400, n_columns=200):
    own = rng.standard_normal((n_rows, n_columns))
    if kind == "equicorrelated":
        return np.sqrt(0.6) * rng.standard_normal((n_rows, 1)) + np.sqrt(0.4) * own
    if kind == "autoregressive":
        for k in range(1, n_columns):
            own[:, k] = 0.9 * own[:, k - 1] + np.sqrt(1 - 0.81) * own[:, k]
        return own
    own[:, 1:] *= 1 / 3
    blocks = np.repeat(rng.standard_normal((n_rows, n_columns // 10)), 10, axis=1)
    own[:, ::10] = 0  # the first of each ten is what the others are copies of
    return blocks + own


@pytest.mark.parametrize("kind", ["equicorrelated", "autoregressive", "copies"])
def test_correlated_columns_without_an_effect_are_left_out(kind):
    """Eight effects; a share of false ones of 0.05 in the mean of 12 selections."""
    shares, found = [], []
    for seed in range(3):
        rng = np.random.RandomState(seed)
        X = design(kind, rng)
        true = 10 * rng.permutation(20)[:8]
        y = X[:, true].sum(axis=1) + rng.standard_normal(len(X))
        for options in (
            {},
            {"stopping": "significance"},
            {"control": "fdr"},
            {"control": "fdr", "level": 0.2},
        ):
            selector = MIFeatureSelector(random_state=seed, **options).fit(X, y)
            chosen = selector.get_support(indices=True)
            shares.append(np.mean(~np.isin(chosen, true)))
            found.append(np.isin(true, chosen).mean())
    assert np.mean(shares) <= 0.12  # nominal: three times 0.05 and 0.2
    assert np.mean(found) >= 0.9


def test_a_common_factor_does_not_stand_for_columns():
    """Each column is a noisy measure of the factor: some are significant, not most."""
    rng = np.random.RandomState(0)
    factor = rng.standard_normal((60, 1))
    X = factor + rng.standard_normal((60, 400))
    y = factor[:, 0] + 0.5 * rng.standard_normal(60) > 0
    given = {"interactions": False, "random_state": 0}
    selector = MIFeatureSelector(stopping="significance", **given).fit(X, y)
    assert selector.pvalues_.min() < 0.01
    assert 1 <= selector.support_.sum() <= 30
    assert MIFeatureSelector(**given).fit(X, y).support_.sum() >= 300  # predicts best


def test_one_of_close_copies_is_selected_even_if_another_could_stand_for_it():
    rng = np.random.RandomState(1003)
    X = design("copies", rng, 400, 500)
    true = 10 * rng.permutation(50)[:8]
    y = X[:, true].sum(axis=1) + rng.standard_normal(400)
    selector = MIFeatureSelector(interactions=False, random_state=0).fit(X, y)
    chosen = selector.get_support(indices=True)
    assert set(chosen // 10) == set(true // 10)
    assert len(chosen) <= 10


def test_effects_of_opposite_signs_are_found():
    """Equal correlations hide them: each alone explains a hundredth of y."""
    rng = np.random.RandomState(0)
    X = design("equicorrelated", rng, 500, 100)
    y = X[:, :5].sum(axis=1) - X[:, 5:10].sum(axis=1) + rng.standard_normal(500)
    selector = MIFeatureSelector(stopping="significance", random_state=0).fit(X, y)
    assert selector.support_[:10].all()
    assert selector.support_[10:].sum() <= 1


def test_a_curved_effect_is_no_proxy():
    rng = np.random.RandomState(1)
    X = design("autoregressive", rng, 800, 60)
    y = X[:, 10] ** 2 + X[:, 40] + 0.5 * rng.standard_normal(800)
    selector = MIFeatureSelector(stopping="significance", random_state=0).fit(X, y)
    assert selector.get_support(indices=True).tolist() == [10, 40]


def test_pvalues_of_projections_are_uniform():
    rng = np.random.RandomState(0)
    shares, blocks, forms = [], [], []
    scale = np.array([3.0, *np.ones(20)])
    for _ in range(1500):
        drawn = np.linalg.qr(rng.standard_normal((60, 2)))[0]
        shares.append(share_pvalues((drawn[0] ** 2).sum(), 2, 60))
        blocks.append(block_pvalue((drawn[:4] ** 2).sum(), 4, 2, 60))
        values = (scale @ drawn[: len(scale)] ** 2).sum()
        forms.append(quadratic_pvalue(values, scale.sum(), (scale**2).sum(), 2, 60))
    for pvalues in (shares, blocks, forms):
        quantiles = np.quantile(pvalues, [0.05, 0.5, 0.95])
        np.testing.assert_allclose(quantiles, [0.05, 0.5, 0.95], atol=0.04)


@pytest.mark.parametrize("shares", [(0.07, 0.05), (0.07, 0.02), (0.5, 0.02)])
def test_pvalues_of_rare_classes_and_rare_values_hold(shares):
    """Truth: a permutation; p-values of .001 are of the size that many tests need."""
    rng = np.random.RandomState(0)
    n_rows, n_tables = 300, 20000
    sides = []
    for share in shares:
        side = (np.arange(n_rows) < share * n_rows) - share
        sides.append((side / np.linalg.norm(side))[:, np.newaxis])
    drawn = np.array([rng.permutation(sides[1][:, 0]) for _ in range(n_tables)]).T
    pvalues = skewed_pvalues(drawn, sides[0], n_rows - 1)
    assert (pvalues <= 0.001).mean() <= 0.002
    assert (pvalues <= 0.01).mean() <= 0.02
    block = skewed_block_pvalue(drawn[:, :1], sides[0], n_rows - 1)
    assert block == pytest.approx(pvalues[0])


def test_pvalues_of_normal_values_are_not_raised():
    rng = np.random.RandomState(0)
    response = np.linalg.qr(rng.standard_normal((2000, 2)))[0]
    values = rng.standard_normal((2000, 50)) + 2 * response[:, :1]
    values /= np.linalg.norm(values, axis=0)
    plain = share_pvalues(((response.T @ values) ** 2).sum(axis=0), 2, 2000)
    found = skewed_pvalues(values, response, 2000)
    np.testing.assert_allclose(np.log(found), np.log(plain), atol=0.05)
    strong = skewed_pvalues(response[:, :1], response, 2000)
    assert strong[0] < 1e-300


def test_adjusted_pvalues_by_hand():
    pvalues = np.array([0.01, 0.04, 0.03, 0.5])
    np.testing.assert_allclose(adjust(pvalues, "fwer"), [0.04, 0.09, 0.09, 0.5])
    np.testing.assert_allclose(adjust(pvalues, "fdr"), [0.04, 0.16 / 3, 0.16 / 3, 0.5])


@pytest.mark.parametrize("seed", [0, 1])
def test_two_proxies_of_terms_of_a_sum_are_no_pair(seed):
    rng = np.random.RandomState(seed)
    X = rng.standard_normal((1000, 12))
    X[:, 4:8] = 0.9 * X[:, :4] + 0.44 * X[:, 4:8]
    y = X[:, :4] @ [1, 1, -1, 0.7] + rng.standard_normal(1000)
    selector = MIFeatureSelector(stopping="significance", random_state=seed)
    assert selector.fit(X, y).get_support(indices=True).tolist() == [0, 1, 2, 3]


def test_weights_do_not_select_noise():
    n_false = 0
    for seed in range(8):
        rng = np.random.RandomState(seed)
        X = rng.standard_normal((500, 10))
        y = X[:, :4] @ [1, 1, -1, 1] + rng.standard_normal(500)
        selector = MIFeatureSelector(stopping="significance", random_state=seed)
        selector.fit(X, y, sample_weight=rng.exponential(size=500))
        assert selector.support_[:4].all()
        n_false += selector.support_[4:].any()
    assert n_false <= 2


def test_columns_chosen_by_their_relevance_are_no_evidence_for_the_rest():
    """More columns than have terms; truth: five terms of a sum, the rest is noise."""
    rng = np.random.RandomState(0)
    X = rng.standard_normal((500, 6000))
    y = X[:, :5].sum(axis=1) + rng.standard_normal(500) > 0
    selector = MIFeatureSelector(interactions=False, random_state=0).fit(X, y)
    assert selector.get_support(indices=True).tolist() == [0, 1, 2, 3, 4]
