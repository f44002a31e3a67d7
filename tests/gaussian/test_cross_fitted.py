"""The closed form of an elliptical copula, estimated out of fold."""

import numpy as np
import pytest
import torch

from skmi import EllipticalCopulaMI
from skmi.critics import HybridCritic
from skmi.critics._composite import add_reference
from skmi.datasets import (
    make_correlated_normal,
    make_dense_normal,
    make_student_t,
)
from skmi.gaussian.cross_fitted import CopulaReference


@pytest.mark.parametrize("degrees_of_freedom", [np.inf, 3])
def test_in_a_critic_it_is_the_closed_form(degrees_of_freedom):
    if degrees_of_freedom == 3:
        X, Y, _ = make_student_t(800, 2, degrees_of_freedom=3, random_state=0)
    else:
        X, Y, _ = make_correlated_normal(800, 2, mutual_info=1.0, random_state=0)
    references = CopulaReference(X, Y), CopulaReference(X[400:], Y[400:])
    assert np.isinf(references[0].degrees_of_freedom) == np.isinf(degrees_of_freedom)
    network = HybridCritic().build(0, 0, n_models=2)
    network = add_reference(
        network, 4, *zip(*(item.settings for item in references), strict=True)
    ).eval()
    x, y = (
        torch.from_numpy(np.stack(sides)).float()
        for sides in (
            [item.x_features(X[:30]) for item in references],
            [item.y_features(Y[:20]) for item in references],
        )
    )
    expected = np.stack([item.matrix(X[:30], Y[:20]) for item in references])
    with torch.no_grad():
        np.testing.assert_allclose(network(x, y), expected, atol=1e-4)
        partners = torch.arange(30).unsqueeze(-1) % 20
        paired = network(x, y, partners)
    np.testing.assert_allclose(
        paired.squeeze(-1),
        expected[:, np.arange(30), np.arange(30) % 20],
        atol=1e-4,
    )


def test_pairs_are_the_diagonal_of_all():
    X, Y, _ = make_student_t(300, 3, degrees_of_freedom=2, random_state=0)
    reference = CopulaReference(X, Y)
    np.testing.assert_allclose(
        reference.pairs(X[:9], Y[:9]), np.diag(reference.matrix(X[:9], Y[:9]))
    )


def test_many_columns():
    errors = []
    for seed in range(3):
        X, Y, truth = make_dense_normal(1500, 30, random_state=seed)
        model = EllipticalCopulaMI(random_state=0).fit(np.exp(X), Y)
        errors.append(model.mutual_info_ - truth)
        assert model.lower_bound_ < truth
    assert abs(np.mean(errors)) < 0.04  # without folds: .4 too high


@pytest.mark.parametrize("degrees_of_freedom", [1, 3])
def test_heavy_tails(degrees_of_freedom):
    X, Y, truth = make_student_t(
        2000, 2, degrees_of_freedom=degrees_of_freedom, random_state=0
    )
    model = EllipticalCopulaMI(random_state=0).fit(X, Y)
    assert model.degrees_of_freedom_ == pytest.approx(degrees_of_freedom, rel=0.2)
    assert model.mutual_info_ == pytest.approx(truth, abs=0.02)


@pytest.mark.parametrize("n_columns", [1, 5, 20])
def test_independent_blocks(n_columns):
    values = []
    for seed in range(10):
        X, Y = np.random.RandomState(seed).standard_normal((2, 300, n_columns))
        model = EllipticalCopulaMI(random_state=0).fit(X, Y)
        values.append(model.mutual_info_)
    assert min(values) >= 0
    assert np.mean(values) <= 0.01
    assert max(values) <= 0.03


def test_columns_that_are_sums_of_others():
    X, Y, truth = make_correlated_normal(500, 2, mutual_info=0.5, random_state=0)
    model = EllipticalCopulaMI(random_state=0).fit(np.hstack([X, X]), Y)
    assert model.mutual_info_ == pytest.approx(truth, abs=0.1)


def test_columns_that_are_the_same_without_a_fold_leave_a_ratio():
    X, Y, _ = make_correlated_normal(1000, 2, mutual_info=0.5, random_state=0)
    plain = CopulaReference(X, Y)
    rare = np.zeros((1000, 2))
    rare[[10, 900], 0] = rare[[10, 950], 1] = 1
    reference = CopulaReference(np.hstack([X, rare]), Y)
    assert reference.ratio is not None
    assert reference.bound == pytest.approx(plain.bound, abs=0.02)


def test_without_a_ratio_the_error_is_that_of_independent_columns():
    rng = np.random.RandomState(0)
    X, Y = rng.standard_normal((2, 300, 150))
    reference = CopulaReference(X, Y)
    reference.ratio = reference.sample_ratio = reference._normal_ratio = None
    assert reference.standard_error(np.zeros(300)) == 0  # more columns than samples
    X, Y = X[:, :10], Y[:, :10]
    reference = CopulaReference(X, Y)
    expected = reference.standard_error(np.zeros(300))
    reference.ratio = reference.sample_ratio = reference._normal_ratio = None
    reference.terms = np.zeros(300)
    found = reference.standard_error(np.zeros(300))
    assert 0 < found <= expected
