"""Samples with known scores."""

import torch


def draw(n_rows, n_columns, seed=0):
    generator = torch.Generator().manual_seed(seed)
    return torch.randn(n_rows, n_columns, generator=generator, dtype=torch.float64)


def draw_normal(n_rows, n_columns, seed=0):
    """Samples of a normal distribution of a general covariance, and their scores."""
    mix = draw(n_columns, n_columns, seed + 100) + torch.eye(n_columns)
    rows = draw(n_rows, n_columns, seed) @ mix.T
    return rows, -rows @ torch.linalg.inv(mix @ mix.T)


def draw_modes(n_rows, n_columns, seed=0):
    """Samples with modes at +-2 in the first column, and their scores."""
    rows = draw(n_rows, n_columns, seed)
    rows[:, 0] += 4 * (draw(n_rows, 1, seed + 50)[:, 0] > 0) - 2
    scores = -rows.clone()
    scores[:, 0] += 2 * torch.tanh(2 * rows[:, 0])
    return rows, scores


def relative_error(estimate, truth):
    return float((estimate - truth).norm() / truth.norm())
