"""Gradients of mutual information against closed forms."""

import numpy as np
import pytest
import torch

from skmi.scores import (
    entropy_surrogate,
    mige_loss,
    mutual_info_gradient,
    project_randomly,
)
from tests.scores.draws import draw


def test_random_projection_keeps_lengths():
    block = draw(200, 3000)
    projected = project_randomly(block, 64)
    ratio = projected.norm(dim=1) / block.norm(dim=1)
    assert 0.9 < ratio.mean() < 1.1
    assert project_randomly(block, 3000) is block
    assert torch.equal(project_randomly(block, 64), projected)


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


def test_refusals():
    x = draw(20, 2)
    with pytest.raises(ValueError, match="circumstance must be"):
        mige_loss(x, x, circumstance="IV")
    with pytest.raises(ValueError, match="needs other or labels"):
        mige_loss(x)
