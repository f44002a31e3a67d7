import numpy as np
import pytest
from scipy.signal import lfilter
from scipy.special import digamma
from sklearn import config_context
from sklearn.model_selection import cross_validate

import skmi
from skmi import AutoMI
from skmi._data.splitting import ContiguousFolds
from skmi.auto.untrained import NUMBERS, neighbor_terms
from skmi.exceptions import (
    ConvergenceWarning,
    DuplicateRowsWarning,
    SerialDependenceWarning,
)


def series(slope, n_samples, n_columns, seed):
    """Autoregressive columns of unit variance, independent of each other."""
    noise = np.random.RandomState(seed).standard_normal((n_samples + 1000, n_columns))
    columns = lfilter([1], [1, -slope], noise, axis=0)[1000:]
    return columns * np.sqrt(1 - slope**2)


def persons(n_persons, n_each, seed):
    """Two numbers for each person, independent of each other, with little noise."""
    rng = np.random.RandomState(seed)
    groups = np.repeat(np.arange(n_persons), n_each)
    values = rng.standard_normal((n_persons, 2))[groups]
    values = values + 0.3 * rng.standard_normal((len(groups), 2))
    order = rng.permutation(len(groups))
    return values[order, :1], values[order, 1:], groups[order]


@pytest.mark.parametrize(("slope", "block_length"), [(0.99, 200), (0.9, 40)])
def test_independent_series(slope, block_length):
    X, Y = np.split(series(slope, 2000, 2, seed=0), 2, axis=1)
    model = AutoMI(block_length=block_length, random_state=0).fit(X, Y)
    low, high = model.confidence_interval_
    assert low <= 0 <= high
    assert model.status_ == "zero"
    with pytest.warns(SerialDependenceWarning, match="block_length"):
        unsaid = AutoMI(random_state=0).fit(X, Y)
    assert unsaid.mutual_info_ > model.mutual_info_
    assert unsaid.status_ == "dependent samples"
    assert "block_length" in unsaid.report()


def test_dependent_series():
    u, v = np.split(series(0.9, 2000, 2, seed=1), 2, axis=1)
    X, Y = u, 0.8 * u + 0.6 * v
    model = AutoMI(block_length=40, random_state=0).fit(X, Y)
    low, high = model.confidence_interval_
    assert low < -np.log(0.6) < high
    assert high - low < 0.5
    plain = np.std(model._influence, ddof=1) / np.sqrt(len(X))
    assert model.standard_error_ > 1.5 * plain


@pytest.mark.parametrize("seed", [0, 1])
def test_copies_of_rows(seed):
    X, Y = np.random.RandomState(seed).standard_normal((2, 850, 1))
    rows = np.r_[np.arange(850), np.arange(150)]
    with pytest.warns(DuplicateRowsWarning):
        unsaid = AutoMI(random_state=seed).fit(X[rows], Y[rows])
    with pytest.warns(DuplicateRowsWarning):
        model = AutoMI(random_state=seed).fit(X[rows], Y[rows], groups=rows)
    assert unsaid.confidence_interval_.low > 0  # a false dependence
    assert unsaid.status_ == "dependent samples"
    low, high = model.confidence_interval_
    assert low <= 0 <= high < 0.2
    assert model.status_ == "zero"


@pytest.mark.parametrize("seed", [0, 1])
def test_copies_of_rows_with_noise(seed):
    rng = np.random.RandomState(seed)
    blocks = rng.standard_normal((2, 850, 1))
    rows = np.r_[np.arange(850), np.arange(150)]
    X, Y = blocks[:, rows] + 1e-6 * rng.standard_normal((2, 1000, 1))
    with pytest.warns(ConvergenceWarning, match="repeated"):
        model = AutoMI(random_state=0).fit(X, Y)
    assert model.status_ == "not converged"


def test_independent_persons():
    X, Y, groups = persons(60, 10, seed=0)
    model = AutoMI(random_state=0).fit(X, Y, groups=groups)
    low, high = model.confidence_interval_
    assert low <= 0 <= high
    unsaid = AutoMI(random_state=0).fit(X, Y)
    assert unsaid.confidence_interval_.low > 0  # a false dependence
    for fold in model._folds:
        assert not np.intersect1d(groups[fold.train], groups[fold.report]).size


def test_labels_of_persons():
    X, Y, groups = persons(60, 10, seed=1)
    labels = np.where(Y[:, 0] > 0, "high", "low")
    model = AutoMI(random_state=0).fit(X, labels, groups=groups)
    low, high = model.confidence_interval_
    assert low <= 0 <= high
    assert model.status_ == "zero"


@pytest.mark.filterwarnings("ignore::skmi.ConvergenceWarning")
def test_critics_of_a_series():
    X = series(0.5, 1000, 5, seed=0)
    Y = series(0.5, 1000, 5, seed=1)
    Y[:, 0] = np.abs(X[:, 0]) + 0.3 * Y[:, 0]
    model = AutoMI(block_length=10, random_state=0).fit(X, Y)
    assert model.chosen_ == "critic"
    assert model.mutual_info_ > 0.4


def test_terms_of_further_samples_are_those_of_all():
    rng = np.random.RandomState(0)
    X, Y = rng.standard_normal((2, 60, 2))
    rest, own = np.arange(59), np.array([59])
    found = neighbor_terms(X[rest], Y[rest], (X[own], Y[own]))
    gaps = [np.abs(block - block[59]).max(axis=1)[:59] for block in (X, Y)]
    joint = np.sort(np.maximum(*gaps))
    for place, number in enumerate(NUMBERS):
        n_x, n_y = ((gap < joint[number - 1]).sum() for gap in gaps)
        value = digamma(number) + digamma(60) - digamma(n_x + 1) - digamma(n_y + 1)
        assert found[place, 0] == pytest.approx(value)


def test_contiguous_folds():
    pairs = list(ContiguousFolds(3, 10).split(np.zeros((100, 1))))
    assert np.array_equal(np.concatenate([own for _, own in pairs]), np.arange(100))
    for rest, own in pairs:
        assert np.abs(rest[:, np.newaxis] - own).min() == 11
        assert len(rest) == 100 - len(own) - 10 * (1 + (own[0] > 0 and own[-1] < 99))


def test_groups_are_passed_on_by_metadata_routing():
    X, Y, groups = persons(30, 4, seed=0)
    with config_context(enable_metadata_routing=True):
        model = AutoMI(random_state=0).set_fit_request(groups=True)
        found = cross_validate(model, X, Y[:, 0], params={"groups": groups}, cv=2)
    assert np.isfinite(found["test_score"]).all()


@pytest.mark.parametrize(
    ("settings", "extra", "message"),
    [
        ({"block_length": 30}, {}, "fewer than 4 blocks"),
        ({"block_length": 5}, {"groups": np.arange(100)}, "not both"),
        ({}, {"groups": np.arange(99)}, "99 labels for 100"),
        ({}, {"groups": np.arange(100), "Z": np.zeros(100)}, "cannot be combined"),
        ({"candidates": [skmi.KSG()], "block_length": 5}, {}, "candidates"),
    ],
)
def test_refusals(settings, extra, message):
    X, Y = np.random.RandomState(0).standard_normal((2, 100, 1))
    with pytest.raises(ValueError, match=message):
        AutoMI(**settings).fit(X, Y, **extra)
