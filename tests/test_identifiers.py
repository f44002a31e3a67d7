"""Labels that occur once, or nearly: an error that covers, and a warning."""

import math

import numpy as np
import pandas as pd
import pytest

import skmi
from skmi.neighbors import conditional_mutual_info

pytestmark = [
    pytest.mark.filterwarnings("ignore::skmi.exceptions.DiscreteTargetWarning"),
    pytest.mark.filterwarnings("ignore::skmi.exceptions.DuplicateRowsWarning"),
]

N = 400
TRUTH = -0.5 * math.log(1 - 0.8**2)


def pair(seed):
    """Normal columns, whatever is given beside them."""
    x, noise = np.random.default_rng(seed).standard_normal((2, N))
    return x[:, np.newaxis], 0.8 * x + 0.6 * noise


def text(codes):
    return np.array([f"id{code}" for code in codes])


CONDITIONS = {
    "identifiers": lambda rng: text(rng.permutation(N)),
    "as categories": lambda rng: pd.DataFrame({"id": rng.permutation(N)}, dtype=str),
    "nearly": lambda rng: text(rng.integers(3 * N, size=N)),
    "half": lambda rng: text(np.where(np.arange(N) % 2, rng.permutation(N), -1)),
    "pairs": lambda rng: text(rng.permutation(N) // 2),
    "threes": lambda rng: text(rng.integers(N // 3, size=N)),
    "sevens": lambda rng: text(rng.integers(N // 7, size=N)),
    "twenties": lambda rng: text(rng.integers(N // 20, size=N)),
}


@pytest.mark.filterwarnings("ignore::skmi.exceptions.ReliabilityWarning")
@pytest.mark.parametrize("name", CONDITIONS)
@pytest.mark.parametrize("cls", [skmi.KSG, skmi.MixedKSG, skmi.HistogramMI])
def test_intervals_given_rare_labels_hold_the_truth(cls, name):
    inside = []
    for seed in range(6):
        rng = np.random.default_rng(1000 + seed)
        Z, (X, y) = CONDITIONS[name](rng), pair(seed)
        fitted = cls().fit(X, y, Z)
        gap = abs(fitted.mutual_info_ - TRUTH)
        inside.append(gap < 2.5 * fitted.standard_error_)
    assert np.mean(inside) >= 0.85


@pytest.mark.parametrize("name", list(CONDITIONS)[:6])
@pytest.mark.parametrize("labelled", [False, True])
def test_rare_labels_in_the_condition_are_warned_of(name, labelled):
    Z, (X, y) = CONDITIONS[name](np.random.default_rng(0)), pair(0)
    if labelled:
        y = np.where(y > 0, "high", "low")
    with pytest.warns(skmi.ReliabilityWarning):
        conditional_mutual_info(X, y, Z, random_state=0)
    with pytest.warns(skmi.ReliabilityWarning):
        fitted = skmi.KSG(random_state=0).fit(X, y, Z)
    assert labelled is False or fitted.status_ == "not converged"


@pytest.mark.filterwarnings("ignore:.*given labels may find:skmi.ReliabilityWarning")
@pytest.mark.parametrize("cls", [skmi.GaussianMI, skmi.GaussianCopulaMI])
def test_more_labels_than_a_covariance_can_hold(cls):
    X, y = pair(0)
    with pytest.warns(skmi.ReliabilityWarning, match="too few"):
        fitted = cls().fit(X, y, text(range(N)))
    assert abs(fitted.mutual_info_ - TRUTH) < 2 * fitted.standard_error_


@pytest.mark.parametrize("cls", [skmi.KSG, skmi.MixedKSG, skmi.HistogramMI])
@pytest.mark.parametrize("with_numbers", [False, True])
def test_a_column_of_identifiers_is_no_evidence(cls, with_numbers):
    """They may determine y, or say nothing; no sample shows which."""
    rng = np.random.default_rng(0)
    y = rng.standard_normal(N) if with_numbers else text(rng.integers(3, size=N))
    with pytest.warns(skmi.ReliabilityWarning, match="Many labels of X occur once"):
        fitted = cls().fit(pd.DataFrame({"id": text(range(N))}), y)
    largest = min(fitted.ceiling_, math.log(N))
    assert abs(fitted.mutual_info_) < 1e-6
    assert fitted.standard_error_ == pytest.approx(largest / 2, rel=0.03)
