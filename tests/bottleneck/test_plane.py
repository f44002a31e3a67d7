"""Rates, anomaly scores, reports and the information plane."""

import warnings

import numpy as np
import pytest
import torch
from scipy.optimize import brentq
from sklearn.base import clone
from sklearn.datasets import load_iris
from sklearn.metrics import roc_auc_score
from torch import nn

import skmi
from skmi.entropy import discrete_entropy
from tests.bottleneck.models import DIGITS, Itself, Unit, encoder_of_digits, split_of
from tests.oracle import draw_normal

pytestmark = pytest.mark.filterwarnings("ignore::skmi.exceptions.SkmiWarning")


def test_score_samples_is_minus_the_rate():
    """With few samples the prior is one normal distribution: a closed form."""
    X, y, _ = draw_normal(90, 3, 1.0, seed=0)
    model = skmi.IBRegressor(n_components=3, encoder=Unit(), max_iter=1, random_state=0)
    model.fit(X, y)
    scaled = model._model.scaler.transform(X)
    np.testing.assert_allclose(model.transform(X), scaled, rtol=1e-6)
    scale, mixture = model._model.prior
    assert mixture.n_components == 1
    prior = torch.distributions.Normal(
        torch.tensor(mixture.means_[0] * scale),
        torch.tensor(mixture.covariances_[0]).sqrt() * torch.tensor(scale),
    )
    own = torch.distributions.Normal(torch.tensor(scaled), 1.0)
    expected = torch.distributions.kl_divergence(own, prior).sum(-1)
    np.testing.assert_allclose(model.score_samples(X), -expected, rtol=1e-6)


def test_samples_are_codes_drawn_around_their_means():
    X, y, _ = draw_normal(2000, 2, 1.0, seed=0)
    model = skmi.IBRegressor(
        n_components=2, encoder=Unit(-1.0), max_iter=1, random_state=0
    ).fit(X, y)
    drawn = model.transform(X, sample=True)
    np.testing.assert_array_equal(drawn, model.transform(X, sample=True))
    gaps = (drawn - model.transform(X)) * np.e
    assert gaps.std(axis=0) == pytest.approx(1, abs=0.1)
    assert gaps.mean(axis=0) == pytest.approx(0, abs=0.1)


def test_the_prior_makes_the_rate_that_of_a_normal_channel():
    """I(Z; X) of normal samples and noise, with known and unknown density."""
    X, y, _ = draw_normal(4000, 2, 1.0, seed=0)
    settings = {"n_components": 2, "max_iter": 1, "random_state": 0}
    settings |= {"test_size": 0.4}
    known = skmi.IBRegressor(encoder=Unit(-1.0), **settings)
    expected = 2 * np.log(1 + np.exp(2.0)) / 2
    error = known.fit(X, y).rate_standard_error_
    assert error < 0.05
    assert known.rate_ == pytest.approx(expected, abs=4 * error)
    settings |= {"information": "nwj", "learning_rate_init": 1e-6}
    for scale in (0.3, 1.0):
        unknown = skmi.IBRegressor(
            encoder=Itself(), noise="additive", noise_scale=scale, **settings
        )
        expected = np.log(1 + scale**-2.0)
        error = unknown.fit(X, y).rate_standard_error_
        assert unknown.rate_ == pytest.approx(expected, abs=4 * error)


def test_shuffled_pixels_are_anomalies():
    X, y = DIGITS
    model = encoder_of_digits(beta=0.1).fit(X[:1200], y[:1200])
    shuffled = np.random.default_rng(0).permuted(X[1200:], axis=1)
    known = np.repeat([1, 0], len(shuffled))
    scores = model.score_samples(np.vstack([X[1200:], shuffled]))
    assert roc_auc_score(known, scores) > 0.75


def test_anomaly_scores_without_a_density_of_the_codes():
    X, y = load_iris(return_X_y=True)
    model = skmi.IBEncoder(
        noise="propagated", information="jsd", max_iter=3, random_state=0
    ).fit(X, y)
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        assert np.isfinite(model.score_samples(X)).all()


def test_information_on_labels_is_their_entropy_minus_the_distortion():
    X, y = DIGITS
    model = encoder_of_digits(max_iter=5).fit(X, y)
    report = split_of(model, y).report
    own = model.mutual_info(X[report], y[report])
    assert own == pytest.approx(model.mutual_info_, abs=0.01)
    entropy = discrete_entropy(y)
    assert model.ceiling_ == pytest.approx(entropy)
    assert model.mutual_info_ == pytest.approx(entropy - model.distortion_)
    rates = -model.score_samples(X[report])
    assert model.rate_ == pytest.approx(rates.mean(), rel=0.05)  # by other draws
    error = rates.std(ddof=1) / np.sqrt(len(report))
    assert model.rate_standard_error_ == pytest.approx(error, rel=0.2)


def classes_in_the_plane(n_samples, shares, seed):
    rng = np.random.RandomState(seed)
    y = rng.choice(3, n_samples, p=shares)
    return 4 * np.eye(3, 2)[y] + rng.standard_normal((n_samples, 2)), y


@pytest.mark.parametrize("shares", [[1 / 3, 1 / 3, 1 / 3], [0.8, 0.15, 0.05]])
def test_the_information_of_few_test_samples_is_that_of_many(shares):
    """Its error is that of fifteen of 150 samples, of which H(Y) has none."""
    misses = []
    for seed in range(6):
        X, y = classes_in_the_plane(150, shares, seed)
        model = skmi.IBEncoder(random_state=seed).fit(X, y)
        assert model.ceiling_ == pytest.approx(discrete_entropy(y), abs=0.02)
        many = model.mutual_info(*classes_in_the_plane(4000, shares, 100 + seed))
        misses.append((model.mutual_info_ - many) / model.standard_error_)
    assert np.max(np.abs(misses)) < 3
    assert np.sqrt(np.mean(np.square(misses))) < 1.5


def test_information_on_numbers_is_a_lower_bound_and_in_their_units():
    X, y, rho = draw_normal(3000, 1, 0.8, seed=0)
    settings = {"encoder": Unit(-3.0), "n_components": 1, "learning_rate_init": 0.03}
    model = skmi.IBRegressor(**settings, random_state=0, beta=0.0, test_size=0.3)
    model.fit(X, y)
    truth = -np.log1p(-(rho**2)) / 2
    assert abs(model.mutual_info_ - truth) < 4 * model.standard_error_
    assert model.ceiling_ == pytest.approx(np.log(512))
    entropy = np.log(2 * np.pi * np.e * (1 - rho**2)) / 2
    assert model.distortion_ == pytest.approx(entropy, abs=0.1)
    wide = clone(model).fit(X, 1000 * y + 7)
    assert wide.distortion_ - model.distortion_ == pytest.approx(np.log(1000), abs=1e-3)
    assert wide.mutual_info_ == pytest.approx(model.mutual_info_, abs=1e-3)
    np.testing.assert_allclose(
        wide.predict(X), 1000 * model.predict(X) + 7, rtol=1e-3, atol=1
    )


def gaussian_curve(correlations, beta):
    """Rate and relevance of the best code of normal pairs at a weight."""
    ratio = np.maximum((1 / beta - 1) * correlations**2 / (1 - correlations**2), 1)
    relevance = -np.log1p(-(correlations**2) * (1 - 1 / ratio)) / 2
    return np.log(ratio).sum() / 2, relevance.sum()


def best_relevance(correlations, rate):
    """The largest I(Z; Y) of a code of some rate, for normal pairs."""
    largest = (correlations**2).max()
    beta = brentq(
        lambda beta: gaussian_curve(correlations, beta)[0] - rate, 1e-9, largest
    )
    return gaussian_curve(correlations, beta)[1]


@pytest.mark.slow
def test_the_plane_of_normal_pairs_lies_on_the_analytic_curve():
    correlations = np.array([0.9, 0.6])
    rng = np.random.RandomState(0)
    signal, noise = rng.standard_normal((2, 10000, 2))
    X = signal @ np.array([[1.0, 0.5], [-0.5, 1.0]])
    y = correlations * signal + np.sqrt(1 - correlations**2) * noise
    model = skmi.IBRegressor(
        n_components=2,
        encoder=nn.Linear,
        max_iter=12,
        n_iter_no_change=5,
        batch_size=100,
        learning_rate_init=0.01,
        alpha=0.0,
        n_samples_predict=2,
        test_size=0.5,
        random_state=0,
    )
    plane = model.information_plane(X, y, [0.5, 0.35, 0.2, 0.1, 0.05])
    np.testing.assert_array_equal(plane.betas, [0.05, 0.1, 0.2, 0.35, 0.5])
    best = [best_relevance(correlations, rate) for rate in plane.rate]
    np.testing.assert_allclose(plane.mutual_info, best, rtol=0.05)
    assert (plane.mutual_info < best + 3 * plane.standard_error).all()
    rates = [gaussian_curve(correlations, beta)[0] for beta in plane.betas]
    np.testing.assert_allclose(plane.rate[2:], rates[2:], rtol=0.2)


def test_the_path_starts_warm_and_does_not_fit_the_estimator():
    X, y = DIGITS
    model = encoder_of_digits(max_iter=2, early_stopping=False)
    plane = model.information_plane(X, y, [0.3, 1e-3, 1e-3])
    assert vars(model) == vars(clone(model))
    assert plane.betas.tolist() == [1e-3, 1e-3, 0.3]
    seed = np.random.RandomState(0).randint(np.iinfo(np.int32).max)
    first = clone(model).set_params(random_state=seed).fit(X, y)
    assert plane.mutual_info[0] == first.mutual_info_
    assert plane.distortion[1] < 0.8 * plane.distortion[0]  # equal from a cold start
    assert plane.rate[2] < plane.rate[1]
    np.testing.assert_allclose(plane.mutual_info + plane.distortion, plane.ceiling)
    for betas in ([], [-1.0], [np.nan]):
        with pytest.raises(ValueError, match="betas must be numbers of at least 0"):
            model.information_plane(X, y, betas)
