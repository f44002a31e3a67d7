import numpy as np
import pandas as pd
import pytest
from scipy.stats import chi2
from sklearn.metrics import mutual_info_score

import skmi
from skmi import MIFeatureSelector
from skmi.feature_selection.exchange import draw_permutations
from skmi.feature_selection.pair_screen import screen_pairs, screen_triples
from tests.feature_selection.planted import xor


def plugin_synergy(a, b, y):
    joint = mutual_info_score(a * 10 + b, y)
    return joint - mutual_info_score(a, y) - mutual_info_score(b, y)


def test_screen_of_pairs_against_all_pairs_one_by_one():
    rng = np.random.RandomState(0)
    codes = rng.randint(3, size=(400, 300))  # two tiles
    y = (codes[:, 7] + codes[:, 280]) % 2
    pairs = screen_pairs(codes, y, 3, level=0.05)
    assert (pairs.first[0], pairs.second[0]) == (7, 280)
    expected = plugin_synergy(codes[:, 7], codes[:, 280], y) - 4 / 800
    assert pairs.synergy[0] == pytest.approx(expected, abs=1e-9)
    joint = codes[:, 7] * 3 + codes[:, 280]
    assert pairs.mutual_info[0] == pytest.approx(
        mutual_info_score(joint, y) - 8 / 800, abs=1e-9
    )
    every = screen_pairs(codes[:, :20], y, 3, level=1e9)
    assert len(every.first) > 180  # those above zero before the bias is taken off
    for j, k, value in zip(every.first, every.second, every.synergy, strict=True):
        direct = plugin_synergy(codes[:, j], codes[:, k], y) - 4 / 800
        assert value == pytest.approx(direct, abs=1e-9)


def test_pair_pvalues_hold_their_level():
    hits = 0
    for seed in range(200):
        rng = np.random.RandomState(seed)
        codes = rng.randint(3, size=(300, 30))
        hits += len(screen_pairs(codes, rng.randint(2, size=300), 3).first) > 0
    assert hits <= 19  # binomial(200, 0.05): 19 or fewer with probability 0.997


def test_permuted_screen_gives_pvalues_of_permutations():
    rng = np.random.RandomState(0)
    codes = rng.randint(2, size=(200, 10))
    y = codes[:, 2] ^ codes[:, 6]
    permutations = draw_permutations(39, 200, rng)
    pairs = screen_pairs(codes, y, 2, permutations=permutations)
    assert (pairs.first[0], pairs.second[0], pairs.pvalue[0]) == (2, 6, 1 / 40)


def test_triples_of_parity():
    rng = np.random.RandomState(0)
    codes = rng.randint(2, size=(500, 30))
    y = codes[:, 4] ^ codes[:, 11] ^ codes[:, 29] ^ (rng.uniform(size=500) < 0.2)
    found = screen_triples(codes, y.astype(int), 0.05)
    assert next(iter(found)) == (4, 11, 29)
    statistic = 1000 * mutual_info_score(codes[:, [4, 11, 29]].sum(axis=1) % 2, y)
    assert found[4, 11, 29] == pytest.approx(chi2.sf(statistic, 1) * 4060, rel=1e-3)
    assert not screen_triples(codes, rng.randint(2, size=500), 0.05)


@pytest.mark.parametrize("seed", range(3))
def test_xor_pair_is_found_and_named(seed):
    X, y = xor(seed, n_columns=300)
    selector = MIFeatureSelector(random_state=seed).fit(X, y)
    assert selector.get_support(indices=True).tolist() == [7, 31]
    (pair,) = selector.interactions_
    assert pair[:2] == (7, 31)
    assert pair.mutual_info == pytest.approx(np.log(2), abs=0.15)
    assert pair.synergy == pytest.approx(pair.mutual_info, abs=0.02)
    assert selector.ranking_[[7, 31]].max() == 2
    with pytest.warns(skmi.NothingSelectedWarning, match="min_features_to_select=1"):
        alone = MIFeatureSelector(interactions=False, random_state=seed).fit(X, y)
    assert not alone.support_.any()
    assert alone.path_.shape == (0, 10)
    assert alone.transform(X).shape == (1000, 0)


@pytest.mark.parametrize("seed", range(2))
def test_ring_and_xor_are_both_found(seed):
    X = np.random.RandomState(seed).uniform(size=(1000, 200))
    ring = np.abs(np.hypot(X[:, 0] - 0.5, X[:, 1] - 0.5) - 0.35) < 0.1151
    y = ring | ((X[:, 2] > 0.5) ^ (X[:, 3] > 0.5))
    selector = MIFeatureSelector(random_state=0).fit(X, y)
    assert selector.get_support(indices=True).tolist() == [0, 1, 2, 3]
    assert {pair[:2] for pair in selector.interactions_} == {(0, 1), (2, 3)}


@pytest.mark.parametrize(
    ("n_rows", "n_levels", "typos"),
    [(500, 8, 0), (1000, 20, 0), (3000, 20, 0), (3000, 50, 0), (3000, 20, 0.1)],
)
def test_a_label_and_its_renamed_copy_are_no_interaction(n_rows, n_levels, typos):
    for seed in range(4):
        rng = np.random.default_rng(seed)
        level = rng.integers(n_levels, size=n_rows)
        names, effect = rng.permutation(n_levels), rng.normal(size=n_levels)
        y = rng.random(n_rows) < 1 / (1 + np.exp(-effect[level]))
        wrong = rng.random(n_rows) < typos
        copy = np.where(wrong, rng.integers(n_levels, size=n_rows), level)
        X = pd.DataFrame(
            {"state": [f"S{k}" for k in level], "code": [f"C{names[k]}" for k in copy]}
        )
        assert MIFeatureSelector(random_state=0).fit(X, y).interactions_ == []


def test_interactions_exceed_both_members():
    """Labels of many levels, of which two halves make an exclusive or."""
    rng = np.random.default_rng(4)
    n = 4000
    first, second = rng.integers(12, size=n), rng.integers(20, size=n)
    flip = rng.random(n) < 0.1
    y = (first < 6) ^ (second < 10) ^ flip
    X = pd.DataFrame({"a": first + 100, "b": second + 100, "c": first % 3})
    selector = MIFeatureSelector(random_state=0).fit(X.astype(str), y)
    (pair,) = selector.interactions_
    truth = np.log(2) + 0.1 * np.log(0.1) + 0.9 * np.log(0.9)
    assert (pair.first, pair.second) == ("a", "b")
    assert pair.mutual_info == pytest.approx(truth, abs=0.03)
    assert pair.synergy == pytest.approx(truth, abs=0.03)
    assert pair.mutual_info > selector.scores_.max()
