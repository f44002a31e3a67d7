"""Columns of labels that are partly identifiers."""

import math

import numpy as np
import pandas as pd
import pytest
from scipy.stats import norm

from skmi import KSG, HistogramMI, MIFeatureSelector, MixedKSG, mutual_info_matrix
from skmi.exceptions import ReliabilityWarning

pytestmark = [  # such data cause these as well
    pytest.mark.filterwarnings("ignore::skmi.exceptions.DiscreteTargetWarning"),
    pytest.mark.filterwarnings("ignore::skmi.exceptions.DuplicateRowsWarning"),
]

ESTIMATORS = [KSG, MixedKSG, HistogramMI]


def columns(share, agreement=1.0, n_rows=1500, seed=0):
    """A column of which a share are identifiers, a binary one, and the truth."""
    rng = np.random.default_rng(seed)
    is_unique, y = rng.random(n_rows) < share, rng.random(n_rows) < 0.5
    copy = np.where(rng.random(n_rows) < agreement, y, ~y)
    identifiers = np.char.add("id", np.arange(n_rows).astype(str))
    x = np.where(is_unique, identifiers, np.where(copy, "A", "B"))
    wrong = 1 - agreement
    noise = sum(-p * math.log(p) for p in (agreement, wrong) if p > 0)
    return x, np.where(y, "p", "q"), (1 - share) * (math.log(2) - noise)


@pytest.mark.parametrize("cls", ESTIMATORS)
@pytest.mark.parametrize("share", [0.05, 0.2, 0.5, 0.8])
def test_estimators_count_identifiers_as_one_label(cls, share):
    x, y, truth = columns(share)
    for first, second, name in ((x, y, "X"), (y, x, "y")):
        with pytest.warns(ReliabilityWarning, match=f"Many labels of {name} occur"):
            model = cls().fit(first[:, None], second)
        assert model.mutual_info_ == pytest.approx(truth, abs=0.03)
        # The interval reaches the value of identifiers that are informative.
        assert model.mutual_info_ + 2.05 * model.standard_error_ > math.log(2) - 0.01


@pytest.mark.filterwarnings("ignore")
@pytest.mark.parametrize("share", [0.2, 0.5, 0.8])
def test_noisy_labels(share):
    x, y, truth = columns(share, 0.8, seed=1)
    assert KSG().fit(x[:, None], y).mutual_info_ == pytest.approx(truth, abs=0.03)
    frame = pd.DataFrame({"x": x, "y": y})
    assert mutual_info_matrix(frame).loc["x", "y"] == pytest.approx(truth, abs=0.03)


@pytest.mark.parametrize("share", [0.05, 0.2, 0.5, 0.8])
@pytest.mark.parametrize("n_bins", [None, 5])
def test_matrix(share, n_bins):
    x, y, truth = columns(share)
    with pytest.warns(ReliabilityWarning, match="column mixed "):
        matrix = mutual_info_matrix(pd.DataFrame({"mixed": x, "y": y}), n_bins=n_bins)
    assert matrix.loc["mixed", "y"] == pytest.approx(truth, abs=0.03)


@pytest.mark.parametrize("share", [0.05, 0.5, 0.8])
def test_selector(share):
    x, y, truth = columns(share)
    for first, second in ((x, y), (y, x)):
        with pytest.warns(ReliabilityWarning, match="column mixed "):
            model = MIFeatureSelector().fit(pd.DataFrame({"mixed": first}), second)
        assert model.scores_[0] == pytest.approx(truth, abs=0.03)
        assert model.scores_[0] + 2.05 * model.standard_errors_[0] > math.log(2) - 0.01


def test_levels_of_three_rows_keep_their_information():
    rng = np.random.default_rng(0)
    level = rng.permutation(np.repeat(np.arange(500), 3))
    x, y = np.char.add("level", level.astype(str)), np.where(level % 2, "p", "q")
    frame = pd.DataFrame({"x": x, "y": y})
    assert mutual_info_matrix(frame).loc["x", "y"] == pytest.approx(math.log(2), 0.01)
    for model in (KSG(), MixedKSG()):
        value = model.fit(x[:, None], y).mutual_info_
        assert value == pytest.approx(math.log(2), 0.01)


def entropy_of_mixture(noise):
    """Mutual information of a coin and itself plus normal noise, by quadrature."""
    x = np.linspace(-8 * noise, 1 + 8 * noise, 20001)
    density = (norm.pdf(x, 0, noise) + norm.pdf(x, 1, noise)) / 2
    entropy = -np.sum(density * np.log(density)) * (x[1] - x[0])
    return entropy - 0.5 * math.log(2 * math.pi * math.e * noise**2)


@pytest.mark.filterwarnings("ignore")
@pytest.mark.parametrize("numeric", [False, True])
@pytest.mark.parametrize(
    ("n_labels", "n_rows"), [(300, 2000), (1000, 2000), (1000, 5000), (60, 400)]
)
def test_many_labels_that_determine_y(n_labels, n_rows, numeric):
    """The selector's error covers what labels of few samples leave open."""
    rng = np.random.default_rng(0)
    label = rng.integers(n_labels, size=n_rows)
    y = rng.integers(2, size=n_labels)[label]
    truth = math.log(2)
    if numeric:
        y, truth = y + 0.3 * rng.standard_normal(n_rows), entropy_of_mixture(0.3)
    texts = np.char.add("k", label.astype(str))[:, np.newaxis]
    fitted = MIFeatureSelector(n_permutations=20).fit(texts, y)
    error = fitted.standard_errors_[0]
    assert fitted.scores_[0] == pytest.approx(truth, abs=max(0.03, 3 * error))
    assert error < 0.15
    other = np.char.add("k", rng.permutation(label).astype(str))[:, np.newaxis]
    fitted = MIFeatureSelector(n_permutations=20).fit(other, y)
    assert abs(fitted.scores_[0]) <= max(0.03, 3 * fitted.standard_errors_[0])
