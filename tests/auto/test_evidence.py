"""Whether held-out trees find dependence that the closed form misses."""

import numpy as np
import pytest
from scipy.stats import special_ortho_group

from skmi import AutoMI
from skmi.auto.evidence import MEANS, gain_of_trees
from skmi.auto.untrained import (
    excess_of_means,
    excess_of_moments,
    nearest_neighbors,
)
from skmi.datasets import make_correlated_normal, make_student_t
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
    """The gain of trees over the closed form, in standard errors, as in AutoMI."""
    return gain_of_trees(CopulaReference(X, y), X, y, np.random.RandomState(seed))


@pytest.mark.parametrize("seed", range(3))
@pytest.mark.parametrize("draw", [draw_normal, draw_independent])
def test_trees_gain_nothing_where_the_closed_form_is_exact(draw, seed):
    assert gain(*draw(seed), seed) < 1.75


@pytest.mark.parametrize("seed", range(2))
@pytest.mark.parametrize("draw", [draw_product, draw_cross, draw_square])
def test_trees_find_what_the_closed_form_misses(draw, seed):
    assert gain(*draw(seed), seed) > 4


def draw_rotated(seed, signal):
    """One of five rotated columns of Y follows a few directions of X."""
    rng = np.random.RandomState(seed)
    X, Y = rng.standard_normal((2, 400, 5))
    Y[:, 0] = signal(X) + 0.3 * Y[:, 0]
    return tuple(
        block @ special_ortho_group(5, seed + place).rvs()
        for place, block in enumerate((X, Y))
    )


@pytest.mark.parametrize(
    "signal",
    [
        lambda u: np.abs(u[:, 0]),
        lambda u: np.sin(2 * u[:, 0]),
        lambda u: u[:, 0] * u[:, 1],
        lambda u: np.sign(u[:, 0] * u[:, 1]),
        lambda u: np.maximum(u[:, 0], u[:, 1]),
    ],
)
def test_means_find_rotated_dependence(signal):
    for seed in range(3):
        X, Y = draw_rotated(seed, signal)
        assert excess_of_means(CopulaReference(X, Y), X, Y) > MEANS.least


@pytest.mark.parametrize("n_columns", [2, 5])
@pytest.mark.parametrize("degrees_of_freedom", [3, 500])
def test_means_of_elliptical_copulas(n_columns, degrees_of_freedom):
    """The p-values are those of a chi-squared distribution, or larger."""
    excesses = []
    for seed in range(12):
        X, Y, _ = make_student_t(
            300, n_columns, degrees_of_freedom=degrees_of_freedom, random_state=seed
        )
        excesses.append(excess_of_means(CopulaReference(X, Y), X, Y))
    assert np.sum(np.array(excesses) > 1.64) <= 3  # .6 are expected
    assert max(excesses) < MEANS.clear


def test_wide_blocks_of_few_components():
    rng = np.random.RandomState(0)
    U = rng.standard_normal((200, 4))
    V = 0.8 * U + 0.6 * rng.standard_normal((200, 4))
    X, Y = U @ rng.standard_normal((4, 100)), V @ rng.standard_normal((4, 100))
    model = AutoMI(random_state=0).fit(X, Y)
    low, high = model.confidence_interval_
    assert low < -4 * np.log(0.6) < high


@pytest.mark.parametrize("n_columns", [1, 2, 5])
def test_nothing_is_trained_where_the_closed_form_is_all(n_columns):
    model = AutoMI(random_state=0).fit(*draw_normal(1, n_columns))
    assert model.chosen_ == "reference"
    assert model.n_iter_ == 0
    assert set(model.candidate_scores_) == {"reference"}
    assert model.loss_curve_ == []


def test_neighbors_suffice_for_few_columns():
    model = AutoMI(random_state=0).fit(*draw_square(0))
    assert model.chosen_ == "neighbors"
    assert model.n_iter_ == 0
    assert set(model.candidate_scores_) == {"reference", "neighbors"}
    assert model.mutual_info_ > model.reference_mutual_info_ + 0.3
    assert model.lower_bound_ < model.mutual_info_


@pytest.mark.parametrize("seed", range(2, 5))
def test_a_product_of_rotated_columns_is_not_left_to_the_closed_form(seed):
    """Trees miss it, moments do not; the truth is .72 nats, by simulation."""
    rng = np.random.RandomState(seed)
    X = rng.standard_normal((300, 2))
    y = X[:, :1] * X[:, 1:] + 0.5 * rng.standard_normal((300, 1))
    turn = np.array([[1.0, 1.0], [-1.0, 1.0]]) / np.sqrt(2)
    model = AutoMI(random_state=2).fit(X @ turn, y)
    assert model.reference_mutual_info_ < 0.4
    assert abs(model.mutual_info_ - 0.72) < 3 * model.standard_error_


def rotated(draw):
    """A draw of two or more columns whose x is rotated."""

    def turned(seed):
        X, y = draw(seed)
        return X @ special_ortho_group(X.shape[1], 5).rvs(), y

    return turned


def draw_wave(seed):
    """The target is a sine of one of three columns."""
    rng = np.random.RandomState(seed)
    X = rng.standard_normal((N_SAMPLES, 3))
    return X, np.sin(3 * X[:, :1]) + 0.3 * rng.standard_normal((N_SAMPLES, 1))


def draw_length(seed):
    rng = np.random.RandomState(seed)
    X = rng.standard_normal((N_SAMPLES, 5))
    length = np.sqrt((X**2).sum(axis=1, keepdims=True))
    return X, length + 0.3 * rng.standard_normal((N_SAMPLES, 1))


def draw_student(seed):
    X, Y, _ = make_student_t(N_SAMPLES, 2, degrees_of_freedom=2, random_state=seed)
    return X, Y


def moments(X, y, seed):
    return excess_of_moments(CopulaReference(X, y), X, y, np.random.RandomState(seed))


@pytest.mark.parametrize("draw", [draw_product, draw_cross, draw_wave, draw_length])
def test_moments_find_rotated_dependence(draw):
    for seed in range(3):
        assert moments(*rotated(draw)(seed), seed) > 4


@pytest.mark.parametrize("draw", [draw_normal, draw_independent, draw_student])
def test_moments_agree_with_the_closed_form_where_it_is_exact(draw):
    found = [moments(*draw(seed), seed) for seed in range(12)]
    assert np.median(found) < 2.5
    assert np.mean(np.array(found) > 4) < 0.2


@pytest.mark.parametrize("n_columns", [25, 50])
def test_moments_of_many_normal_columns(n_columns):
    for seed in range(3):
        X, Y, _ = make_correlated_normal(
            300, n_columns, mutual_info=1.5, random_state=seed
        )
        rng = np.random.RandomState(seed)
        assert excess_of_moments(CopulaReference(X, Y), X, Y, rng) < 3


def test_moments_of_repeated_values():
    """Rounding changes the columns' distributions, which the draws share."""
    found = []
    for seed in range(6):
        X, y = draw_normal(seed)
        found.append(moments(X.round(), y.round(1), seed))
    assert np.median(found) < 3


@pytest.mark.parametrize("truth", [0.0, 0.5, 3.0])
def test_neighbors_extrapolated(truth):
    """Of heavy tails and of little noise; the truth is that of the normal pair."""
    for seed in range(3):
        X, Y, _ = make_correlated_normal(400, 1, mutual_info=truth, random_state=seed)
        found = nearest_neighbors(X**3, np.exp(Y), np.random.RandomState(seed))
        assert abs(found.value - truth) < 3 * found.error
        assert found.error < 0.25


def test_neighbors_need_few_columns():
    X, Y = np.random.RandomState(0).standard_normal((2, 100, 5))
    assert nearest_neighbors(X, Y, np.random.RandomState(0)) is None


@pytest.mark.parametrize("scale", [1e-300, 1e-9, 1e300])
def test_neighbors_of_extreme_units(scale):
    X, Y = draw_square(0)
    plain = nearest_neighbors(X, Y, np.random.RandomState(0))
    found = nearest_neighbors(scale * X, Y, np.random.RandomState(0))
    assert found.value == pytest.approx(plain.value, abs=1e-6)
