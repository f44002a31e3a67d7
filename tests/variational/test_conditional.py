"""Learned densities of y given x, and the entropy of y."""

import math

import numpy as np
import pytest
from scipy.integrate import trapezoid

import skmi
from skmi import TNCE, BarberAgakov, DifferenceOfEntropies
from skmi._data.scaling import Scaler
from skmi.critics import MixtureConditional
from skmi.variational.decorrelation import whiten
from tests.estimators import make_small
from tests.oracle import draw_normal
from tests.variational.cases import cut_short, score_matrix

pytestmark = cut_short


def draw_bimodal(n_samples, seed):
    """y = sign * (2 + x) + noise: a mixture of two normals, given x."""
    rng = np.random.RandomState(seed)
    x = rng.standard_normal(n_samples)
    sign = rng.choice([-1, 1], n_samples)
    return x[:, None], sign * (2 + x) + 0.3 * rng.standard_normal(n_samples)


def test_a_mixture_follows_what_a_single_normal_cannot():
    X, y = draw_bimodal(3000, seed=0)
    single, mixture = (
        DifferenceOfEntropies(critic=critic, random_state=0).fit(X, y)
        for critic in ("gaussian", "mixture")
    )
    by_neighbours = skmi.KSG().fit(X, y).mutual_info_
    assert mixture.mutual_info_ == pytest.approx(by_neighbours, abs=0.1)
    assert single.mutual_info_ < by_neighbours - 0.3


def test_difference_of_entropies_is_not_held_by_the_logarithm_of_n():
    X, Y, _ = draw_normal(3000, 16, 18.4, seed=0)
    with pytest.warns(skmi.ReliabilityWarning, match="form of the densities alone"):
        estimator = DifferenceOfEntropies(random_state=0).fit(X, Y)
    assert estimator.mutual_info_ == pytest.approx(18.4, abs=1.2)
    assert estimator.mutual_info_ > math.log(3000)


@pytest.mark.parametrize("cls", [BarberAgakov, DifferenceOfEntropies, TNCE])
def test_conditionals_fit_the_target(cls):
    X, Y, _ = draw_normal(400, 1, 0.7, seed=0)
    labels = np.where(Y[:, 0] > 0, "up", "down")
    given = make_small(cls, critic=MixtureConditional(hidden_layer_sizes=(8,)))
    named = make_small(cls, critic="mixture")
    assert given.fit(X, labels).mutual_info_ == named.fit(X, labels).mutual_info_
    for critic, y in (("Hybrid", Y), ("Categorical", Y), ("Hybrid", labels)):
        kind = "Conditional" if critic == "Categorical" else "Critic"
        wrong = make_small(cls, critic=getattr(skmi.critics, critic + kind)())
        with pytest.raises(ValueError, match="needs a log density"):
            wrong.fit(X, y)


@pytest.mark.parametrize("cls", [BarberAgakov, DifferenceOfEntropies])
def test_columns_without_density(cls):
    X, Y, _ = draw_normal(600, 1, 0.7, seed=0)
    plain = make_small(cls).fit(X, Y)
    constant = make_small(cls).fit(X, np.hstack([Y, np.full((600, 1), 3.0)]))
    assert constant.mutual_info_ == plain.mutual_info_
    die = np.random.RandomState(0).randint(3, size=600) - 1.0
    estimator = cls(critic="mixture", random_state=0)
    with pytest.warns(skmi.DiscreteTargetWarning, match="repeats values"):
        estimator.fit(X, die)
    assert abs(estimator.mutual_info_) < 0.1


@pytest.mark.filterwarnings("ignore::skmi.ReliabilityWarning")
@pytest.mark.parametrize("n_columns", [2, 40])
@pytest.mark.parametrize("cls", [BarberAgakov, DifferenceOfEntropies, skmi.CLUB])
def test_nothing_but_constant_columns_has_no_information(cls, n_columns):
    X = np.random.RandomState(0).standard_normal((200, n_columns))
    constant = np.full((200, n_columns), 3.0)
    for x, y in ((X, constant), (constant, constant), (constant, X)):
        estimator = make_small(cls).fit(x, y)
        assert estimator.mutual_info_ == pytest.approx(0, abs=0.3)


@pytest.mark.parametrize("cls", [BarberAgakov, DifferenceOfEntropies, TNCE])
def test_columns_that_others_determine_add_nothing(cls):
    X, y = draw_normal(400, 3, mutual_info=1.0, seed=0)[:2]
    plain = make_small(cls, random_state=0).fit(X, y)
    sums = np.column_stack([y, y, y[:, 0] - 2 * y[:, 1]])
    more = make_small(cls, random_state=0).fit(X, sums)
    assert more.mutual_info_ == pytest.approx(plain.mutual_info_, abs=0.1)
    scores = more.score_samples(X[:5], sums[:5])
    assert scores == pytest.approx(plain.score_samples(X[:5], y[:5]), abs=0.5)


@pytest.mark.filterwarnings("ignore:The estimate is unreliable")
def test_blank_and_repeated_pixels_are_no_dependence():
    rng = np.random.RandomState(0)
    images = rng.uniform(size=(600, 60)) * (rng.uniform(size=(600, 60)) < 0.3)
    images[:, 40:] *= rng.uniform(size=(600, 20)) < 2 / 600
    images = np.hstack([images, images[:, :50]])
    with pytest.warns(
        skmi.DiscreteTargetWarning, match="Column 0 of y has one value in"
    ):
        model = DifferenceOfEntropies(random_state=0).fit(
            rng.standard_normal((600, 40)), images
        )
    assert abs(model.mutual_info_) < 1


@pytest.mark.filterwarnings("ignore:The estimate of")
@pytest.mark.parametrize("cls", [BarberAgakov, DifferenceOfEntropies, TNCE])
def test_few_samples_for_the_columns_are_said(cls):
    rng = np.random.RandomState(0)
    X = rng.standard_normal((300, 2))
    y = rng.standard_normal((300, 15))
    y[:, 0] = 0.8 * X[:, 0] + 0.6 * y[:, 0]
    if cls is not BarberAgakov:  # its value is larger here
        with pytest.warns(skmi.ReliabilityWarning, match="few for 2 and 15 columns"):
            cls(random_state=0).fit(X, y)
    X, y = draw_normal(500, 15, mutual_info=3.3, seed=0)[:2]
    with pytest.warns(skmi.ReliabilityWarning, match="The estimate is unreliable"):
        cls(random_state=0).fit(X, y)


@pytest.mark.filterwarnings("ignore:The estimate of")
@pytest.mark.parametrize("cls", [BarberAgakov, DifferenceOfEntropies])
def test_columns_far_from_normal_are_said(cls):
    X, y = draw_normal(500, 2, mutual_info=1.0, seed=0)[:2]
    y[7, 1] = 1e6
    with pytest.warns(skmi.ReliabilityWarning, match="Column 1 of y has values 22"):
        make_small(cls).fit(X, y)
    y[:, 1] = 0
    y[7, 1] = 1
    with pytest.warns(skmi.DiscreteTargetWarning, match="Column 1 of y has one value"):
        make_small(cls).fit(X, y)


@pytest.mark.parametrize("cls", [BarberAgakov, DifferenceOfEntropies, TNCE])
def test_batches_leave_out_columns_that_others_determine(cls):
    X, y = draw_normal(2000, 2, mutual_info=1.0, seed=0)[:2]
    y = np.column_stack([y, y[:, 0] + y[:, 1]])
    model = cls(random_state=0)
    for _ in range(12):
        for rows in np.split(np.arange(2000), 8):
            model.partial_fit(X[rows], y[rows])
    assert model.mutual_info_ == pytest.approx(1.0, abs=0.25)


@pytest.mark.filterwarnings("ignore:The estimate is unreliable")
def test_entropy_of_neighbors_is_no_more_than_that_of_a_normal_distribution():
    X, y = draw_normal(1000, 20, mutual_info=1.0, seed=0)[:2]
    near = BarberAgakov(random_state=0).fit(X, y)
    assert near.mutual_info_ < 1.1
    normal = BarberAgakov(entropy="gaussian", random_state=0).fit(X, y)
    assert near.mutual_info_ == pytest.approx(normal.mutual_info_, abs=1e-6)


def test_entropy_of_barber_agakov():
    X, Y, _ = draw_normal(3000, 2, 0.7, seed=0)
    found = {
        entropy: BarberAgakov(entropy=entropy, random_state=0).fit(3 * X, 5 * Y)
        for entropy in ("knn", "gaussian", math.log(2 * math.pi * math.e * 25))
    }
    for estimator in found.values():
        assert estimator.mutual_info_ == pytest.approx(0.7, abs=0.1)
    assert [estimator.bound_ for estimator in found.values()] == ["none"] * 2 + [
        "lower"
    ]


@pytest.mark.filterwarnings("ignore:Column 0 of y has values 30")
def test_log_densities_are_in_the_units_of_y():
    X, Y, _ = draw_normal(2000, 1, 0.7, seed=0)
    Y[0] = 40.0  # beyond ten standard deviations
    estimator = BarberAgakov(random_state=0).fit(X, Y)
    grid = np.linspace(-20, 60, 20001)[:, None]
    density = score_matrix(estimator, np.array([[0.5], [-1.0]]), grid).exp().numpy()
    np.testing.assert_allclose(trapezoid(density, grid[:, 0]), 1, atol=0.01)


def test_classifier_bound_is_entropy_less_cross_entropy():
    X, Y, _ = draw_normal(600, 1, 0.7, seed=0)
    labels = np.where(Y[:, 0] > 0.5, "high", "low")
    estimator = make_small(BarberAgakov).fit(X, labels)
    codes = (labels == "low").astype(int)
    scores = score_matrix(estimator, X, codes).numpy()
    one_of_each = [np.argmin(codes), np.argmax(codes)]
    np.testing.assert_allclose(np.exp(scores[:, one_of_each]).sum(axis=1), 1)
    share = np.where(codes == 1, codes.mean(), 1 - codes.mean())
    expected = np.diagonal(scores).mean() - np.log(share).mean()
    assert estimator.mutual_info(X, labels) == pytest.approx(expected)


def draw_factors(n_samples, n_x, n_y, n_factors, noise, seed=0):
    """Columns that share normal factors, and their exact mutual information."""
    rng = np.random.RandomState(seed)
    loadings = rng.standard_normal((n_factors, n_x + n_y))
    columns = rng.standard_normal((n_samples, n_factors)) @ loadings
    columns += noise * rng.standard_normal(columns.shape)
    covariance = loadings.T @ loadings + noise**2 * np.eye(n_x + n_y)
    blocks = covariance[:n_x, :n_x], covariance[n_x:, n_x:]
    log_volumes = [np.linalg.slogdet(block)[1] for block in (*blocks, covariance)]
    truth = (log_volumes[0] + log_volumes[1] - log_volumes[2]) / 2
    return columns[:, :n_x], columns[:, n_x:], truth


@pytest.mark.parametrize(
    "shape", [(1000, 2, 2, 2, 0.7), (1000, 5, 5, 2, 1), (2000, 3, 10, 3, 0.5)]
)
def test_difference_of_entropies_of_correlated_columns(shape):
    X, Y, truth = draw_factors(*shape)
    model = skmi.DifferenceOfEntropies(random_state=0).fit(X, Y)
    assert abs(model.mutual_info_ - truth) < 2.5 * model.standard_error_


def mix(block, correlation):
    """Mix independent columns so that all pairs have one correlation."""
    n_columns = block.shape[1]
    covariance = np.full((n_columns, n_columns), correlation)
    np.fill_diagonal(covariance, 1.0)
    return block @ np.linalg.cholesky(covariance).T


@pytest.mark.parametrize("sides", ["X", "Y", "XY"])
@pytest.mark.parametrize("cls", [BarberAgakov, DifferenceOfEntropies, TNCE])
def test_mixed_columns_have_the_same_information(cls, sides):
    for seed in range(2):
        truth = 1.66
        X, Y, _ = draw_normal(600, 2, truth, seed)
        plain = cls(random_state=0).fit(X, Y)
        mixed = [
            mix(block, 0.99) if name in sides else block
            for name, block in (("X", X), ("Y", Y))
        ]
        model = cls(random_state=0).fit(*mixed)
        assert abs(model.mutual_info_ - plain.mutual_info_) < 0.2
        assert abs(model.mutual_info_ - truth) < 3 * model.standard_error_
        # `score` reads new samples by the stored map.
        new = draw_normal(600, 2, 1.66, seed + 10)
        new = [
            mix(b, 0.99) if s in sides else b for s, b in zip("XY", new, strict=False)
        ]
        assert model.score(*new) > truth - 0.4


def test_log_densities_of_mixed_columns_are_in_the_units_of_y():
    X, Y, _ = draw_normal(1000, 2, 1.4, seed=0)
    X, Y = 3 * X, mix(Y, 0.9)
    model = BarberAgakov(random_state=0).fit(X, Y)
    axis = np.linspace(-6, 6, 201)
    grid = np.stack(np.meshgrid(axis, axis), axis=-1).reshape(-1, 2)
    density = score_matrix(model, X[:2], grid).exp().numpy()
    np.testing.assert_allclose(density.sum(axis=1) * 0.06**2, 1, atol=0.01)


def test_indicators_are_not_whitened():
    X, _, _ = draw_normal(600, 4, 1.0, seed=0)
    X = mix(X, 0.9)
    scaler = Scaler.fit(X)
    side = whiten(scaler, X, 2)
    columns = side.transform(X)
    assert abs(np.corrcoef(columns[:, 0], columns[:, 1])[0, 1]) < 0.05
    np.testing.assert_array_equal(columns[:, 2:], scaler.transform(X)[:, 2:])
    assert whiten(scaler, X[:3]) is scaler  # more columns than samples


def test_an_estimate_far_below_zero_is_warned_of():
    X, Y, _ = draw_normal(400, 2, 0.5, seed=0)
    entropy = 0.0  # of 2.8 nats in truth
    with pytest.warns(skmi.ReliabilityWarning, match="below 0, which no mutual"):
        BarberAgakov(entropy=entropy, random_state=0).fit(X, Y)


@pytest.mark.parametrize("cls", [BarberAgakov, DifferenceOfEntropies, TNCE, skmi.CLUB])
def test_saturation_of_densities_is_said(cls):
    X = np.random.RandomState(0).standard_normal((500, 1))
    kinds = skmi.ReliabilityWarning, skmi.exceptions.SaturationWarning
    with pytest.warns(kinds):
        cls(random_state=0).fit(X, X)


def test_club_far_above_the_truth_is_warned_of():
    X, Y, _ = draw_normal(1000, 1, 3.0, seed=0)
    with pytest.warns(skmi.ReliabilityWarning, match="far too high"):
        model = skmi.CLUB(random_state=0).fit(X, Y)
    assert model.mutual_info_ > 30


def test_difference_of_entropies_of_many_columns_is_not_too_high():
    X, Y, truth = draw_factors(800, 1, 30, 1, 1)
    model = skmi.DifferenceOfEntropies(random_state=0).fit(X, Y)
    assert truth / 2 < model.mutual_info_ < truth + model.standard_error_
    X, Y, truth = draw_factors(1500, 39, 300, 2, 3)
    with pytest.warns(skmi.ReliabilityWarning, match="are few for 39 and 300 columns"):
        model = skmi.DifferenceOfEntropies(random_state=0, max_iter=20).fit(X, Y)
    assert abs(model.mutual_info_) < 0.1


def test_difference_of_entropies_of_copied_columns():
    rng = np.random.RandomState(0)
    y = rng.standard_normal((1000, 2))
    X = y[:, :1] + rng.standard_normal((1000, 1))
    Y = np.hstack([y, y[:, :1], y[:, :1] + 1e-3 * rng.standard_normal((1000, 1))])
    model = skmi.DifferenceOfEntropies(random_state=0).fit(X, Y)
    truth = np.log(2) / 2
    assert abs(model.mutual_info_ - truth) < 2.5 * model.standard_error_


@pytest.mark.parametrize("seed", range(8))
def test_tnce_does_not_collapse(seed):
    X, Y, truth = draw_normal(500, 1, 0.8304, seed)
    model = skmi.TNCE(random_state=seed).fit(X, Y)
    assert abs(model.mutual_info_ - truth) < 3 * model.standard_error_
    assert model.mutual_info_ > 0.5
