"""Whether held-out trees find dependence that the closed form misses."""

import warnings

import numpy as np
import pytest

from skmi import AutoMI
from skmi._data.splitting import cross_fitting_folds, stopped_by_others
from skmi.auto.evidence import gain_of_trees
from skmi.datasets import make_correlated_normal
from skmi.exceptions import ConvergenceWarning
from skmi.gaussian.cross_fitted import CopulaReference

N_SAMPLES = 600


def draw_normal(seed, n_columns=2):
    X, Y, _ = make_correlated_normal(
        N_SAMPLES, n_columns, mutual_info=0.5, random_state=seed
    )
    return X, Y


def draw_independent(seed):
    return tuple(np.random.RandomState(seed).standard_normal((2, N_SAMPLES, 2)))


def draw_product(seed):
    """The target is the product of two columns."""
    rng = np.random.RandomState(seed)
    X = rng.standard_normal((N_SAMPLES, 2))
    return X, X[:, :1] * X[:, 1:] + 0.3 * rng.standard_normal((N_SAMPLES, 1))


def draw_cross(seed):
    """Three columns each, with correlations of one random sign for each sample."""
    rng = np.random.RandomState(seed)
    X = rng.standard_normal((N_SAMPLES, 3))
    sign = rng.choice([-1, 1], (N_SAMPLES, 1))
    noise = rng.standard_normal((N_SAMPLES, 3))
    return X, 0.9 * sign * X + np.sqrt(1 - 0.9**2) * noise


def draw_square(seed):
    rng = np.random.RandomState(seed)
    X = rng.standard_normal((N_SAMPLES, 1))
    return X, X**2 + 0.5 * rng.standard_normal((N_SAMPLES, 1))


def gain(X, y, seed=0):
    """The gain of trees over closed forms, in standard errors, as in AutoMI."""
    folds = cross_fitting_folds(
        y,
        5,
        stratified=False,
        validation_fraction=0.15,
        random_state=np.random.RandomState(seed),
        name="AutoMI",
    )
    folds = stopped_by_others(folds)
    references = [CopulaReference(X[fold.train], y[fold.train]) for fold in folds]
    return gain_of_trees(references, X, y, folds, np.random.RandomState(seed))


@pytest.mark.parametrize("seed", range(3))
@pytest.mark.parametrize("draw", [draw_normal, draw_independent])
def test_trees_gain_nothing_where_the_closed_form_is_exact(draw, seed):
    assert gain(*draw(seed), seed) < 0.75


@pytest.mark.parametrize("seed", range(2))
@pytest.mark.parametrize("draw", [draw_product, draw_cross, draw_square])
def test_trees_find_what_the_closed_form_misses(draw, seed):
    assert gain(*draw(seed), seed) > 4


def test_nothing_is_trained_where_the_closed_form_is_all():
    model = AutoMI(random_state=0).fit(*draw_normal(0, n_columns=1))
    assert model.chosen_ == "reference"
    assert model.n_iter_ == 0
    assert set(model.candidate_scores_) == {"reference"}
    assert model.loss_curve_ == []


def test_critics_are_trained_where_trees_gain():
    model = AutoMI(hidden_layer_sizes=(16,), cv=3, random_state=0)
    model.fit(*draw_square(0))
    assert model.n_iter_ > 0
    assert set(model.candidate_scores_) == {"critic", "reference"}
    assert model.mutual_info_ > model.reference_mutual_info_ + 0.3


def test_a_product_of_rotated_columns_is_not_left_to_the_closed_form():
    """Trees miss it, networks do not; the truth is .72 nats, by simulation."""
    rng = np.random.RandomState(2)
    X = rng.standard_normal((300, 2))
    y = X[:, :1] * X[:, 1:] + 0.5 * rng.standard_normal((300, 1))
    turn = np.array([[1.0, 1.0], [-1.0, 1.0]]) / np.sqrt(2)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", ConvergenceWarning)
        model = AutoMI(random_state=2).fit(X @ turn, y)
    assert model.n_iter_ > 0
    low, high = model.confidence_interval_
    assert low < 0.72 < high
