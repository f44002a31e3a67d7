"""Conditional information where Z explains nearly all of X and y."""

import math

import numpy as np
import pytest

import skmi
from skmi import KSG, KernelDensityMI, MixedKSG
from skmi.neighbors._residuals import Residuals
from skmi.neighbors._search import Block

QUIET = pytest.mark.filterwarnings("ignore::skmi.exceptions.SkmiWarning")
TRUTH = -0.5 * math.log(1 - 0.8**2)  # of noises with a correlation of .8


def draw(rng, n_samples, curve, scale, correlation=0.8):
    """Two functions of two columns, with noises of a known correlation."""
    Z, noise = rng.standard_normal((2, n_samples, 2))
    other = correlation * noise[:, 0] + math.sqrt(1 - correlation**2) * noise[:, 1]
    x = curve(Z[:, 0]) + curve(Z[:, 1]) + scale * noise[:, 0]
    return x[:, None], curve(Z[:, 0]) - curve(Z[:, 1]) + scale * other, Z


@pytest.mark.parametrize("scale", [0.01, 0.05, 0.3])
@pytest.mark.parametrize("cls", [KSG, MixedKSG, KernelDensityMI])
def test_small_noise_beside_linear_functions(cls, scale):
    for seed in range(2):
        rows = draw(np.random.RandomState(seed), 1000, lambda z: z, scale)
        model = cls().fit(*rows)
        assert abs(model.mutual_info_ - TRUTH) < 0.1
        assert abs(model.mutual_info_ - TRUTH) < 3 * model.standard_error_
        assert model.standard_error_ < 0.1


@QUIET
@pytest.mark.parametrize("curve", [lambda z: np.sin(2 * z), np.abs, lambda z: z**3])
def test_small_noise_beside_curves_is_found_or_doubted(curve):
    for seed, scale in ((0, 0.05), (1, 0.2), (2, 0.6)):
        rng = np.random.RandomState(seed)
        model = KSG().fit(*draw(rng, 2000, curve, scale))
        error = abs(model.mutual_info_ - TRUTH)
        assert error < 3 * model.standard_error_ or model.status_ == "not converged"
        assert model.mutual_info_ > 0.2
        model = KSG().fit(*draw(rng, 2000, curve, scale, correlation=0))
        assert abs(model.mutual_info_) < 4 * model.standard_error_


def test_functions_of_the_condition_have_no_information():
    x, z = np.random.RandomState(0).standard_normal((2, 500))
    assert KSG().fit((x + z)[:, None], 3 * z + 1, z).mutual_info_ == 0


def test_linear_functions_within_labels_are_removed():
    rng = np.random.RandomState(0)
    z, code = rng.standard_normal((400, 1)), rng.randint(2, size=400)
    slopes = np.where(code, 2.0, -3.0)
    noise = rng.standard_normal(400)
    column = slopes * z[:, 0] + 5 * code + 0.1 * noise
    residuals = Residuals(column[:, None], Block(z, code), "rank")
    found = residuals.columns[:, 0]
    for rows in (code == 0, code == 1):
        assert np.corrcoef(found[rows], noise[rows])[0, 1] > 0.95
        # In `apply` the samples take part in their own fits.
        again = residuals.apply(column[rows, None], Block(z[rows], code[rows]))[:, 0]
        assert np.corrcoef(found[rows], again)[0, 1] > 0.95


def test_counts_and_atoms_stay_as_they_are():
    rng = np.random.RandomState(0)
    z = rng.standard_normal((400, 1))
    counts = rng.poisson(np.exp(z[:, 0]))
    mixed = np.where(z[:, 0] < 0, 0.0, z[:, 0] + 0.1 * rng.standard_normal(400))
    columns = np.column_stack([counts, mixed])
    residuals = Residuals(columns, Block(z, np.zeros(400, int)), "rank")
    np.testing.assert_array_equal(residuals.columns, columns)


@QUIET
@pytest.mark.parametrize(
    "cls", [skmi.GaussianCopulaMI, skmi.EllipticalCopulaMI, skmi.StudentCopulaMI]
)
def test_copulas_know_the_noise_of_ranks(cls):
    for seed in range(3):
        rows = draw(np.random.RandomState(seed), 1000, lambda z: z, 0.05)
        with pytest.warns(skmi.ReliabilityWarning, match="the noise of ranks"):
            model = cls().fit(*rows)
        assert abs(model.mutual_info_ - TRUTH) < 2 * model.standard_error_
    rows = draw(np.random.RandomState(0), 1000, lambda z: z, 1.0)
    assert cls().fit(*rows).standard_error_ < 0.06


def test_pointwise_values_of_new_samples():
    """Their mean is the information, where the fit is of other samples."""
    rows = draw(np.random.RandomState(0), 2000, lambda z: z, 0.1)
    new = draw(np.random.RandomState(1), 1000, lambda z: z, 0.1)
    assert KSG().fit(*rows).score_samples(*new).mean() == pytest.approx(TRUTH, abs=0.1)


@QUIET
@pytest.mark.parametrize("cls", [KSG, KernelDensityMI])
def test_strong_dependence_is_not_hidden_by_fits_of_different_width(cls):
    """The noise of y, a curve of Z besides, is mostly X, which Z says nothing of."""
    noise = math.sqrt(0.04)
    truth = -0.5 * math.log(noise**2 / (noise**2 + 0.98**2))
    for seed in range(2):
        z, x, other = np.random.RandomState(seed).standard_normal((3, 1000))
        y = z**2 + 0.3 * (0.98 * x + noise * other)
        model = cls().fit(x[:, None], y, z)
        assert truth - 0.2 < model.mutual_info_ < truth + 0.1


@QUIET
@pytest.mark.parametrize("cls", [KSG, KernelDensityMI])
def test_linear_functions_take_linear_fits(cls):
    """Local fits to few samples would hide a part of two nats."""
    truth, slope = 2.0, math.sqrt(1 - math.exp(-4))
    for seed in range(4):
        rng = np.random.RandomState(seed)
        Z, (a, b) = rng.standard_normal((1000, 2)), rng.standard_normal((2, 1000))
        y = Z[:, 0] + slope * a + math.sqrt(1 - slope**2) * b
        model = cls().fit((Z.sum(axis=1) + a)[:, None], y, Z)
        assert model.mutual_info_ == pytest.approx(truth, abs=0.12)
