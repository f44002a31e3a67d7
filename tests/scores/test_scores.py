"""Score functions against closed forms, golden values and a second implementation."""

import numpy as np
import pytest
import torch

import skmi
from skmi.scores import (
    SCORES,
    entropy_surrogate,
    mige_loss,
    mutual_info_gradient,
    nu_method,
    project_randomly,
    spectral_stein,
    stein,
    tikhonov,
)
from skmi.scores._gaussianize import gaussianize
from skmi.scores._kernels import CurlFreeKernel, DiagonalKernel, SumKernel

KERNEL_METHODS = ["nu_method", "spectral_stein", "stein", "tikhonov"]


def draw(n_rows, n_columns, seed=0):
    generator = torch.Generator().manual_seed(seed)
    return torch.randn(n_rows, n_columns, generator=generator, dtype=torch.float64)


def draw_normal(n_rows, n_columns, seed=0):
    """Rows of a normal distribution of a general covariance, and their scores."""
    mix = draw(n_columns, n_columns, seed + 100) + torch.eye(n_columns)
    rows = draw(n_rows, n_columns, seed) @ mix.T
    return rows, -rows @ torch.linalg.inv(mix @ mix.T)


def draw_modes(n_rows, n_columns, seed=0):
    """Rows with modes at +-2 in the first column, and their scores."""
    rows = draw(n_rows, n_columns, seed)
    rows[:, 0] += 4 * (draw(n_rows, 1, seed + 50)[:, 0] > 0) - 2
    scores = -rows.clone()
    scores[:, 0] += 2 * torch.tanh(2 * rows[:, 0])
    return rows, scores


def relative_error(estimate, truth):
    return float((estimate - truth).norm() / truth.norm())


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


def test_stein_answers_a_query_as_one_more_sample():
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


def make_kernels(points, samples):
    weights = torch.tensor([[1.0, 0.5, 0.2]], dtype=points.dtype)
    curl_free = CurlFreeKernel(points, samples, 1.3, weights)
    diagonal = DiagonalKernel(points, samples, 1.1)
    return [curl_free, diagonal, SumKernel(curl_free, diagonal)]


@pytest.mark.parametrize("which", range(3))
def test_derivatives_of_the_kernels(which):
    points, samples = draw(4, 3).requires_grad_(True), draw(6, 3, seed=1)
    coefficients = draw(6, 3, seed=2)
    kernel = make_kernels(points, samples)[which]
    for field, divergence in (
        (kernel.apply(coefficients), kernel.divergence(coefficients)),
        (kernel.embedding(), kernel.embedding_divergence()),
    ):
        slopes = [
            torch.autograd.grad(field[:, i].sum(), points, retain_graph=True)[0][:, i]
            for i in range(3)
        ]
        torch.testing.assert_close(sum(slopes), divergence)


@pytest.mark.parametrize("which", range(3))
def test_the_embedding_is_minus_the_divergence_in_the_samples(which):
    points, samples = draw(2, 3), draw(5, 3, seed=1).requires_grad_(True)
    eye = torch.eye(3, dtype=points.dtype)
    expected = torch.zeros(2, 3, dtype=points.dtype)
    for b in range(3):
        kernel = make_kernels(points, samples)[which]
        columns = kernel.apply(eye[b].expand(5, 3))
        for i in range(2):
            for a in range(3):
                (slope,) = torch.autograd.grad(
                    columns[i, a], samples, retain_graph=True
                )
                expected[i, a] -= slope[:, b].sum() / 5
    embedding = make_kernels(points, samples)[which].embedding()
    torch.testing.assert_close(embedding, expected)


@pytest.mark.parametrize(("n_columns", "most"), [(2, 0.15), (10, 0.22)])
def test_error_on_a_normal_distribution(n_columns, most):
    errors = []
    for seed in range(3):
        rows, truth = draw_normal(500, n_columns, seed)
        errors.append(relative_error(nu_method(rows, reference=None), truth))
    assert np.mean(errors) < most


@pytest.mark.parametrize(
    ("n_columns", "reference", "share"),
    [(2, None, 0.6), (5, None, 0.7), (10, None, 0.85), (10, "gaussian", 0.85)],
)
def test_error_on_two_modes(n_columns, reference, share):
    ours, plain, normal = [], [], []
    for seed in range(3):
        rows, truth = draw_modes(500, n_columns, seed)
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
def test_equivariance_where_all_is_normal(seed):
    rows, matrix = draw(200, 2, seed), draw(2, 2, seed + 30)
    moved = nu_method(rows @ matrix.T + 3) @ matrix
    torch.testing.assert_close(moved, nu_method(rows), rtol=1e-5, atol=1e-5)


@pytest.mark.parametrize("n_columns", [3, 10])
def test_new_rows_are_as_good_as_old_ones(n_columns):
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


def test_sliced_learns_and_repeats():
    rows, truth = draw_modes(400, 1)
    values = SCORES["sliced"](rows, n_steps=150)
    assert relative_error(values, truth) < 0.5
    state = torch.get_rng_state()
    assert torch.equal(SCORES["sliced"](rows, n_steps=150), values)
    assert torch.equal(torch.get_rng_state(), state)


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
    with pytest.raises(ValueError, match="circumstance must be"):
        mige_loss(x, x, circumstance="IV")
    with pytest.raises(ValueError, match="needs other or labels"):
        mige_loss(x)


def test_dependent_columns_warn_and_stay_finite():
    x = draw(50, 2)
    dependent = torch.cat([x, x.sum(1, keepdim=True)], 1)
    for rows in (dependent, draw(5, 8)):
        with pytest.warns(skmi.DependentColumnsWarning, match="no score"):
            assert torch.isfinite(nu_method(rows)).all()


def test_random_projection_keeps_lengths():
    block = draw(200, 3000)
    projected = project_randomly(block, 64)
    ratio = projected.norm(dim=1) / block.norm(dim=1)
    assert 0.9 < ratio.mean() < 1.1
    assert project_randomly(block, 3000) is block
    assert torch.equal(project_randomly(block, 64), projected)


def test_normal_scores_and_their_slopes():
    sample = torch.exp(draw(500, 2))
    queries = torch.linspace(-50, 500, 300, dtype=torch.float64)
    queries = queries.unsqueeze(-1).repeat(1, 2).requires_grad_(True)
    scores, slopes = gaussianize(sample, queries)
    (expected,) = torch.autograd.grad(scores.sum(), queries)
    inside = (scores.abs() < 5).detach()
    torch.testing.assert_close(slopes[inside], expected[inside], rtol=1e-4, atol=1e-8)
    assert torch.isfinite(slopes).all()
    assert (scores.diff(dim=0) >= 0).all()
    own, _ = gaussianize(sample, sample)
    assert torch.equal(own.argsort(dim=0), sample.argsort(dim=0))
    assert abs(own.mean()) < 0.1
    assert 0.85 < own.std() < 1  # smoothing draws it in a little


def gradient_along_rho(shape, n_columns, rho, seed, **options):
    x, noise = draw(256, n_columns, seed), draw(256, n_columns, seed + 1000)
    gap = (1 - rho**2) ** 0.5
    y, slope = rho * x + gap * noise, x - rho / gap * noise
    if shape == "arcsinh":
        y, slope = torch.asinh(3 * y), slope * 3 / torch.sqrt(1 + 9 * y**2)
    _, gradient = mutual_info_gradient(x, y, **options)
    return float((gradient * slope).sum(1).mean())


@pytest.mark.parametrize(
    ("shape", "reference", "most"),
    [
        ("normal", "copula", 0.035),
        ("arcsinh", "copula", 0.12),
        ("normal", None, 0.06),
        ("arcsinh", None, 0.175),
    ],
)
def test_gradient_along_a_curve(shape, reference, most):
    points = np.linspace(-0.8, 0.8, 6)
    truth = 8 * points / (1 - points**2)
    estimates = [
        gradient_along_rho(shape, 8, rho, seed, reference=reference)
        for seed, rho in enumerate(points)
    ]
    error = np.sqrt(((estimates - truth) ** 2).mean() / (truth**2).mean())
    assert error < most


def test_gradient_at_queries_is_that_at_the_samples():
    x, y = draw(60, 2), draw(60, 1, seed=1)
    here = mutual_info_gradient(x, y)
    there = mutual_info_gradient(x, y, queries=(x, y))
    for one, other in zip(here, there, strict=True):
        torch.testing.assert_close(one, other)


def test_surrogate_has_the_gradient_of_the_entropy():
    x = draw(400, 3)
    scale = torch.tensor(2.0, dtype=x.dtype, requires_grad=True)
    value = entropy_surrogate(scale * x)
    value.backward()
    assert scale.grad.item() == pytest.approx(3 / 2, rel=0.02)
    assert value.item() == pytest.approx(
        3, rel=0.02
    )  # the number of columns, no entropy


def slope_of_loss(make, at):
    parameter = torch.tensor(at, dtype=torch.float64, requires_grad=True)
    make(parameter).backward()
    return float(parameter.grad)


def test_minimising_the_loss_raises_information():
    x, noise = draw(1000, 1), draw(1000, 1, seed=1)
    true = 2.0 / (1 + 2.0**2)  # of log(1 + s^2) / 2 at s = 2
    first = slope_of_loss(lambda s: mige_loss(s * x + noise, x), 2.0)
    assert first == pytest.approx(-true, abs=0.05)
    both = slope_of_loss(
        lambda s: mige_loss(s * x + noise, s * x, circumstance="II"), 2.0
    )
    assert both == pytest.approx(-true, abs=0.05)


def test_loss_of_a_stochastic_encoder():
    x, noise = draw(1000, 1), draw(1000, 1, seed=1)

    def loss(log_scale):
        scales = log_scale.expand(1000, 1)
        z = x + scales.exp() * noise
        return mige_loss(z, circumstance="III", log_scale=scales)

    # I = log(1 + e^(-2 s)) / 2 falls with s by 1 / (1 + e^(2 s)).
    assert slope_of_loss(loss, 0.0) == pytest.approx(0.5, abs=0.05)


def test_loss_with_labels():
    labels = torch.arange(1000) % 2
    noise = draw(1000, 1)

    def loss(shift):
        return mige_loss(noise + shift * labels.unsqueeze(-1), labels=labels)

    assert slope_of_loss(loss, 1.5) < -0.05
    assert abs(slope_of_loss(loss, 0.0)) < 0.05


def test_normal_rows_are_left_to_the_reference():
    """Of many fits to nothing one does well on few rows by chance."""
    for seed in range(30, 35):
        generator = torch.Generator().manual_seed(seed)
        rows = torch.randn(1000, 2, generator=generator, dtype=torch.float64)
        mix = torch.randn(2, 2, generator=generator, dtype=torch.float64) + torch.eye(2)
        truth = -(rows @ torch.linalg.inv(mix))[:500]
        found = nu_method((rows @ mix.T)[:500])
        assert (found - truth).norm() < 0.18 * truth.norm()
