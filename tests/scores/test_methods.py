"""Score functions against closed forms, golden values and a second implementation."""

import inspect

import numpy as np
import pytest
import torch

import skmi
from skmi.scores import SCORES, nu_method, spectral_stein, stein, tikhonov
from skmi.scores._kernels import CurlFreeKernel, DiagonalKernel
from tests.scores.draws import draw, draw_modes, draw_normal, relative_error

KERNEL_METHODS = ["nu_method", "spectral_stein", "stein", "tikhonov"]


def spectral_stein_by_loops(x, n_eigen, bandwidth):
    """The published estimator written out, one gradient at a time."""
    n, d = x.shape
    kernel = np.exp(-((x[:, None] - x) ** 2).sum(-1) / (2 * bandwidth**2))
    values, vectors = np.linalg.eigh(kernel)
    score = np.zeros((n, d))
    for j in range(1, n_eigen + 1):
        u, size = vectors[:, -j], values[-j]
        beta = np.zeros(d)
        for m in range(n):
            for k in range(n):
                slope = -kernel[m, k] * (x[m] - x[k]) / bandwidth**2
                beta -= np.sqrt(n) / size * u[k] * slope / n
        psi = np.sqrt(n) / size * kernel @ u
        score += psi[:, None] * beta
    return score


def test_golden_values_of_spectral_stein():
    x = torch.tensor([[-1.5], [-0.4], [0.1], [0.9], [2.0]])
    plain = {"whiten": False, "reference": None}
    for options, expected in (
        ({"n_eigen": 2}, [0.8336, 0.4758, 0.0880, -0.5652, -0.9402]),
        ({"n_eigen": 3}, [1.0216, 0.4279, -0.0251, -0.6194, -0.7756]),
        ({"n_eigen_threshold": 0.99}, [1.0216, 0.4279, -0.0251, -0.6194, -0.7756]),
    ):
        values = spectral_stein(x, **plain, **options).ravel()
        np.testing.assert_allclose(values, expected, atol=1e-4)


def test_spectral_stein_agrees_with_the_formula_written_out():
    x = draw(12, 2)
    distances = torch.cdist(x, x).ravel().sort(descending=True).values
    bandwidth = float(distances[12**2 // 2 - 1])
    expected = spectral_stein_by_loops(x.numpy(), 4, bandwidth)
    values = spectral_stein(x, whiten=False, reference=None, n_eigen=4)
    np.testing.assert_allclose(values, expected, atol=1e-8)


def test_one_eigenfunction_is_always_kept():
    x = draw(20, 2)
    options = {"whiten": False, "reference": None}
    first = spectral_stein(x, n_eigen=1, **options)
    assert torch.equal(spectral_stein(x, n_eigen_threshold=1e-9, **options), first)
    assert first.abs().max() < 10


def test_stein_treats_a_query_as_one_more_sample():
    x = draw(15, 2)
    options = {"whiten": False, "reference": None, "ridge": 0.3}
    ours = stein(x[:14], x[14:], **options)
    bandwidth = torch.cdist(x[:14], x[:14]).ravel().sort(descending=True).values
    bandwidth = bandwidth[14**2 // 2 - 1]
    kernel = torch.exp(-(torch.cdist(x, x) ** 2) / (2 * bandwidth**2))
    steps = (x[:, None] - x) * kernel[..., None] / bandwidth**2
    whole = -torch.linalg.solve(kernel + 0.3 * torch.eye(15), steps.sum(1))
    torch.testing.assert_close(ours, whole[14:])


@pytest.mark.parametrize("kernel", ["curl_free", "diagonal"])
def test_tikhonov_agrees_with_a_dense_system(kernel):
    x = draw(10, 2)
    field = {"curl_free": CurlFreeKernel, "diagonal": DiagonalKernel}[kernel]
    bandwidth = torch.cdist(x, x).ravel().sort(descending=True).values[49]
    built = field(x, x, bandwidth)
    columns = torch.eye(20, dtype=x.dtype).reshape(20, 10, 2)
    system = torch.stack([built.apply(c).ravel() for c in columns], 1) / 10
    system = system + 0.05 * torch.eye(20)
    expected = torch.linalg.solve(system, built.embedding().ravel()).reshape(10, 2)
    options = {"whiten": False, "reference": None, "kernel": kernel, "ridge": 0.05}
    values = tikhonov(x, **options)
    torch.testing.assert_close(values, expected, rtol=1e-6, atol=1e-8)
    torch.testing.assert_close(tikhonov(x, x, **options), values, rtol=1e-5, atol=1e-7)


@pytest.mark.parametrize(("n_columns", "most"), [(2, 0.15), (10, 0.22)])
def test_error_on_a_normal_distribution(n_columns, most):
    errors = []
    for seed in range(2):
        rows, truth = draw_normal(300, n_columns, seed)
        errors.append(relative_error(nu_method(rows, reference=None), truth))
    assert np.mean(errors) < most


@pytest.mark.parametrize(
    ("n_rows", "n_columns", "reference", "share"),
    [
        (300, 2, None, 0.6),
        (300, 5, None, 0.7),
        (500, 10, None, 0.85),
        (500, 10, "gaussian", 0.85),
    ],
)
def test_error_on_two_modes(n_rows, n_columns, reference, share):
    ours, plain, normal = [], [], []
    for seed in range(2):
        rows, truth = draw_modes(n_rows, n_columns, seed)
        centred = rows - rows.mean(0)
        gaussian = -centred @ torch.linalg.inv(torch.cov(rows.T))
        published = spectral_stein(rows, whiten=False, reference=None)
        ours.append(relative_error(nu_method(rows, reference=reference), truth))
        plain.append(relative_error(published, truth))
        normal.append(relative_error(gaussian, truth))
    assert np.mean(ours) < 0.35
    assert np.mean(ours) < 0.9 * np.mean(plain)
    assert np.mean(ours) < share * np.mean(normal)


@pytest.mark.parametrize("method", KERNEL_METHODS)
@pytest.mark.parametrize("reference", [None, "gaussian"])
def test_equivariance_under_linear_maps(method, reference):
    rows, _ = draw_modes(150, 3)
    matrix = draw(3, 3, seed=9) + torch.diag(torch.tensor([1.0, 30.0, 0.02]))
    queries = draw(5, 3, seed=4)
    score = SCORES[method]
    plain = score(rows, queries, reference=reference)
    moved = score(rows @ matrix.T + 3, queries @ matrix.T + 3, reference=reference)
    torch.testing.assert_close(moved @ matrix, plain, rtol=1e-5, atol=1e-5)


@pytest.mark.parametrize("seed", range(3))
def test_equivariance_on_normal_samples(seed):
    rows, matrix = draw(200, 2, seed), draw(2, 2, seed + 30)
    moved = nu_method(rows @ matrix.T + 3) @ matrix
    torch.testing.assert_close(moved, nu_method(rows), rtol=1e-5, atol=1e-5)


@pytest.mark.parametrize("n_columns", [3, 10])
def test_new_samples_are_as_good_as_old_ones(n_columns):
    rows, truth = draw_modes(1000, n_columns)
    old = relative_error(nu_method(rows[:500]), truth[:500])
    new = relative_error(nu_method(rows[:500], rows[500:]), truth[500:])
    assert new < 1.3 * old


@pytest.mark.parametrize("method", KERNEL_METHODS)
def test_leading_dimensions_are_independent_problems(method):
    blocks, queries = draw(60, 2).reshape(2, 30, 2), draw(8, 2, 1).reshape(2, 4, 2)
    whole = SCORES[method](blocks, queries)
    for i in range(2):
        torch.testing.assert_close(whole[i], SCORES[method](blocks[i], queries[i]))


def test_a_normal_sample_is_left_to_the_reference():
    rows = draw(300, 2, seed=2)
    centred = rows - rows.mean(0)
    normal = -centred @ torch.linalg.inv(torch.cov(rows.T))
    assert relative_error(nu_method(rows), normal) < 0.1
    assert relative_error(spectral_stein(rows, n_eigen=1), normal) < 0.1


def test_the_best_of_many_candidates_does_not_win_by_chance():
    """On normal samples, where no candidate is better than the reference."""
    for seed in range(30, 35):
        generator = torch.Generator().manual_seed(seed)
        rows = torch.randn(1000, 2, generator=generator, dtype=torch.float64)
        mix = torch.randn(2, 2, generator=generator, dtype=torch.float64) + torch.eye(2)
        truth = -(rows @ torch.linalg.inv(mix))[:500]
        found = nu_method((rows @ mix.T)[:500])
        assert (found - truth).norm() < 0.18 * truth.norm()


def test_sliced_learns_and_repeats():
    rows, truth = draw_modes(400, 1)
    values = SCORES["sliced"](rows, n_steps=150)
    assert relative_error(values, truth) < 0.5
    state = torch.get_rng_state()
    assert torch.equal(SCORES["sliced"](rows, n_steps=150), values)
    assert torch.equal(torch.get_rng_state(), state)


@pytest.mark.parametrize("name", SCORES)
def test_fit_once_and_evaluate_often(name):
    score, rows, queries = SCORES[name], draw(40, 2), draw(5, 2, seed=1)
    options = {"n_steps": 5} if name in {"nu_method", "sliced"} else {}
    fitted = score.fit(rows, **options)
    torch.testing.assert_close(fitted(queries), score(rows, queries, **options))
    torch.testing.assert_close(fitted(), score(rows, **options))
    assert list(inspect.signature(score).parameters)[:2] == ["samples", "queries"]


def test_refusals():
    x = draw(20, 2)
    with pytest.raises(ValueError, match="constant"):
        nu_method(torch.ones(20, 2))
    with pytest.raises(ValueError, match="samples must be of shape"):
        nu_method(torch.ones(5))
    with pytest.raises(ValueError, match="needs whiten=True"):
        stein(x, whiten=False)
    with pytest.raises(ValueError, match="reference must be"):
        stein(x, reference="student")


def test_dependent_columns_warn_and_stay_finite():
    x = draw(50, 2)
    dependent = torch.cat([x, x.sum(1, keepdim=True)], 1)
    for rows in (dependent, draw(5, 8)):
        with pytest.warns(skmi.DependentColumnsWarning, match="no score"):
            assert torch.isfinite(nu_method(rows)).all()
