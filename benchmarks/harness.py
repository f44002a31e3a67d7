"""Shared by the benchmarks of the bounds: the loop over batches, picture.

The objective and the estimate are those of the estimators themselves; only the samples
are drawn anew at each step, as in the papers.
"""

import math

import torch

from skmi.bounds import split_pairs
from skmi.variational.base import build_stack
from skmi.variational.inputs import Inputs

LEVELS = (2.0, 4.0, 6.0, 8.0, 10.0)


def correlated_normal(mutual_info, n_columns, *shape, generator, cubic=False):
    """Draw pairs (..., n_columns) of known mutual information; y cubed on request."""
    rho = math.sqrt(1 - math.exp(-2 * mutual_info / n_columns))
    x, noise = (
        torch.randn(*shape, n_columns, generator=generator, device=generator.device)
        for _ in range(2)
    )
    y = rho * x + math.sqrt(1 - rho**2) * noise
    return x, y**3 if cubic else y


def log_density_ratio(x, y, rho):
    """Score all pairs of normal rows by the exact log density ratio."""
    gap = 1 - rho**2
    squares = (x**2).sum(-1).unsqueeze(-1) + (y**2).sum(-1).unsqueeze(-2)
    inner = (2 * rho * x @ y.mT - rho**2 * squares) / (2 * gap)
    return inner - x.shape[-1] / 2 * math.log(gap)


def objective_of(estimator):
    """Return the training objective of an estimator, as a function of pairs."""
    return estimator._make_objective().loss


def orient(estimator, scores):
    """Return scores with one row for each sample whose negatives are averaged over."""
    return scores.mT if estimator._make_report().contrast == "x" else scores


def value_of(estimator, scores):
    """Return the estimate from each model's scores (models, n, n)."""
    report = estimator._make_report()
    return [
        float(report.estimate(report.reduce(orient(estimator, matrix))))
        for matrix in scores.detach().double()
    ]


def make_network(estimator, n_columns, n_models, generator):
    """Return a stack of an estimator's networks, for as many columns of x as of y."""
    empty = torch.empty(n_models, 0, n_columns)
    learns_baseline = estimator._make_objective().learns_baseline
    plain = [Inputs(None, None)]
    return build_stack(estimator, empty, empty, plain, learns_baseline, generator)


def train(estimator, network, draw, n_steps, learning_rate):
    """Train a stack of networks on fresh batches; yield (step, scores) before each."""
    optimizer = torch.optim.Adam(network.parameters(), lr=learning_rate)
    objective = objective_of(estimator)
    for step in range(n_steps):
        scores = network(*draw(step))
        yield step, scores.detach()
        loss = -objective(split_pairs(orient(estimator, scores))).sum()
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()


def figure(n_panels, title, *, n_columns=4):
    """Return a figure and its panels, row by row."""
    import matplotlib as mpl

    mpl.use("Agg")
    from matplotlib import pyplot as plt

    n_columns = min(n_columns, n_panels)
    n_rows = -(-n_panels // n_columns)
    picture, axes = plt.subplots(
        n_rows,
        n_columns,
        figsize=(3.2 * n_columns, 0.4 + 2.8 * n_rows),
        sharey=True,
        squeeze=False,
        layout="constrained",
    )
    picture.suptitle(title)
    for axis in axes.flat[n_panels:]:
        axis.set_axis_off()
    return picture, axes.flat[:n_panels]
