r"""Figure 1 of the MIGE paper: dI/drho along a curve, 256 samples at each point.

    python -m benchmarks run mige_toy
    python -m benchmarks run mige_curves

x is standard normal with d columns and y = rho x + sqrt(1 - rho^2) e, with rho in
[-.8, .8]; "arcsinh" maps y to arcsinh(3 y), which leaves I as it is; in "mixture" the
sign of rho is drawn for each entry, positive with probability .8. One row for each
estimator, shape and d: the error relative to the root mean square of the true
gradient over the curve, its mean and spread over seeds, and the gradient at rho = .8
over the true one. The value of I is the sum of the gradients along rho from 0, held
against the true one at rho = .8. MINE and MINE-f take the gradient through critics of
the paper's size, trained for 200 steps of fresh rows at each point. With `--curves`
one curve of each is written point by point, and drawn beside the truth: the value,
which MINE and MINE-f read off the last batch, above the gradient.
"""

import argparse
import itertools
import time
from pathlib import Path

import numpy as np
import torch
from torch import nn

from benchmarks import tables
from skmi import bounds
from skmi.scores import mutual_info_gradient

BENCHMARK = {
    "data": "drawn",
    "tables": {
        "mige_toy": {
            "small": "--seeds 1 --points 2 --mine-seeds 0 --dimensions 2 --kinds"
            " normal",
            "cpu": "--seeds 3 --points 32 --dimensions 8 16 32",
        },
        "mige_curves": {
            "small": "--curves --mine-points 2 --dimensions 1 --kinds normal",
            "cpu": "--curves",
        },
    },
}
SHARE = 0.8  # of positive signs in "mixture"
PUBLISHED = {"method": "spectral_stein", "reference": None, "whiten": False}
ESTIMATORS = {
    "default": {},
    "reference=gaussian": {"reference": "gaussian"},
    "reference=None": {"reference": None},
    "whitened SSGE": {"method": "spectral_stein", "reference": None},
    "published SSGE": PUBLISHED,
}
CRITICS = {"MINE": bounds.donsker_varadhan, "MINE-f": bounds.nwj}
DRAWN = ("default", "reference=None", "published SSGE", *CRITICS)


def draw(kind, n_columns, rho, generator, n_rows=256):
    """Return x, y and dy/drho."""
    shape = (n_rows, n_columns)
    x, noise = (
        torch.randn(shape, generator=generator, dtype=torch.float64) for _ in range(2)
    )
    sign = 1.0
    if kind == "mixture":
        sign = torch.rand(shape, generator=generator, dtype=torch.float64)
        sign = torch.where(sign < SHARE, 1.0, -1.0).double()
    gap = (1 - rho**2) ** 0.5
    y, slope = sign * rho * x + gap * noise, sign * x - rho / gap * noise
    if kind == "arcsinh":
        return x, torch.asinh(3 * y), slope * 3 / torch.sqrt(1 + 9 * y**2)
    return x, y, slope


def true_information(kind, rho):
    """Return I of one column of x and one of y."""
    if kind != "mixture":
        return -np.log(1 - rho**2) / 2
    x, y = np.meshgrid(*[np.linspace(-7, 7, 1201)] * 2, indexing="ij")
    variance = 1 - rho**2

    def normal(z, variance):
        return np.exp(-(z**2) / (2 * variance)) / np.sqrt(2 * np.pi * variance)

    ratio = SHARE * normal(y - rho * x, variance)
    ratio = ratio + (1 - SHARE) * normal(y + rho * x, variance)
    joint, marginal = ratio * normal(x, 1), normal(y, 1)
    terms = joint * np.log(np.maximum(ratio, 1e-300) / marginal)
    return terms.sum() * (14 / 1200) ** 2


def true_gradient(kind, rho, step=1e-3):
    """Return dI/drho of one column of x and one of y."""
    low, high = (true_information(kind, rho + shift) for shift in (-step, step))
    return (high - low) / (2 * step)


def estimate(kind, n_columns, rho, generator, settings):
    """Return the estimate of dI/drho from fresh rows."""
    x, y, slope = draw(kind, n_columns, rho, generator)
    _, gradient = mutual_info_gradient(x, y, **settings)
    return float((gradient * slope).sum(1).mean())


def estimate_by_backprop(kind, n_columns, rho, generator, bound):
    """Train a separable critic and take the gradient through y on the last batch."""
    with torch.random.fork_rng():
        torch.manual_seed(torch.randint(2**31, (), generator=generator).item())
        towers = [
            nn.Sequential(
                nn.Linear(n_columns, 512),
                nn.ReLU(),
                nn.Linear(512, 512),
                nn.ReLU(),
                nn.Linear(512, 20),
            )
            for _ in range(2)
        ]
    parameters = [value for tower in towers for value in tower.parameters()]
    optimizer = torch.optim.Adam(parameters, lr=1e-4, maximize=True)
    for _ in range(200):
        x, y, slope = (block.float() for block in draw(kind, n_columns, rho, generator))
        y.requires_grad_(True)
        value = bound(towers[0](x) @ towers[1](y).T)
        optimizer.zero_grad()
        value.backward()
        optimizer.step()
    return value.item(), (y.grad * slope).sum().item()


def curve(kind, n_columns, seed, points, function):
    """Return estimates along the curve."""
    generator = torch.Generator().manual_seed(seed)
    return np.array([function(kind, n_columns, rho, generator) for rho in points])


def summarise(estimates, truth, points):
    """Return the figures of one line of the table from curves of several seeds."""
    errors = np.sqrt(((estimates - truth) ** 2).mean(1) / (truth**2).mean())
    step = points[1] - points[0]
    positive = points > 0
    values = estimates[:, positive].sum(1) / truth[positive].sum()
    return {
        "relative_rmse": f"{errors.mean():.4f}",
        "spread": f"{errors.std(ddof=1) if len(errors) > 1 else np.nan:.4f}",
        "gradient_at_end": f"{(estimates[:, -1] / truth[-1]).mean():.3f}",
        "value_at_end": f"{values.mean():.3f}",
        "points": len(points),
        "step": f"{step:.4f}",
    }


def lines(options):
    """Yield the lines of the table."""
    first = options.first_seed
    for kind in options.kinds:
        for n_columns in options.dimensions:
            methods = {
                name: (
                    lambda *a, s=settings: estimate(*a, s),
                    options.seeds,
                    options.points,
                )
                for name, settings in ESTIMATORS.items()
            }
            for name, bound in CRITICS.items():
                methods[name] = (
                    lambda *a, b=bound: estimate_by_backprop(*a, b)[1],
                    options.mine_seeds if n_columns in (8, 16, 32) else 0,
                    options.mine_points,
                )
            for name, (function, n_seeds, n_points) in methods.items():
                if n_seeds == 0:
                    continue
                start = time.perf_counter()
                points = np.linspace(-0.8, 0.8, n_points)
                truth = n_columns * np.array([true_gradient(kind, r) for r in points])
                seeds = range(first, first + n_seeds)
                estimates = [curve(kind, n_columns, s, points, function) for s in seeds]
                yield {
                    "data": kind,
                    "d": n_columns,
                    "estimator": name,
                    "seeds": n_seeds,
                    **summarise(np.array(estimates), truth, points),
                    "seconds_a_curve": f"{(time.perf_counter() - start) / n_seeds:.1f}",
                }


def trace(kind, n_columns, name, points, seed):
    """Return values of I and gradients along the curve."""
    generator = torch.Generator().manual_seed(seed)
    if name in CRITICS:
        found = [
            estimate_by_backprop(kind, n_columns, rho, generator, CRITICS[name])
            for rho in points
        ]
        return np.transpose(found)
    settings = ESTIMATORS[name]
    slopes = [estimate(kind, n_columns, rho, generator, settings) for rho in points]
    return integrate(points, slopes), slopes


def integrate(points, slopes):
    """Return the integrals of the gradient from rho = 0 to each point."""
    points, slopes = np.asarray(points), np.asarray(slopes)
    steps = np.diff(points) * (slopes[1:] + slopes[:-1]) / 2
    total = np.concatenate([[0], steps.cumsum()])
    return total - np.interp(0, points, total)


def write_curves(options):
    """Write every point of one curve of each estimator, as they are found."""
    fields, table = ["data", "d", "estimator", "rho", "value", "gradient"], []
    names = ("truth", *DRAWN)
    for kind, n_columns, name in itertools.product(
        options.kinds, options.dimensions, names
    ):
        n_points = options.mine_points if name in CRITICS else 16
        points = np.linspace(-0.8, 0.8, n_points)
        if name == "truth":
            values = [n_columns * true_information(kind, r) for r in points]
            slopes = [n_columns * true_gradient(kind, r) for r in points]
        else:
            values, slopes = trace(kind, n_columns, name, points, options.first_seed)
        for found in zip(points, values, slopes, strict=True):
            line = [kind, n_columns, name, *(f"{value:.4f}" for value in found)]
            table.append(dict(zip(fields, line, strict=True)))
        tables.write_table(options.out, table)
        print(kind, n_columns, name, flush=True)


def plot_curves(path):
    """Draw values and gradients against rho, a column for each d."""
    from matplotlib.figure import Figure

    lines = tables.read_table(path)
    kinds = list(dict.fromkeys(line["data"] for line in lines))
    dimensions = list(dict.fromkeys(line["d"] for line in lines))
    figure = Figure(figsize=(2.3 * len(dimensions), 4 * len(kinds)))
    axes = figure.subplots(2 * len(kinds), len(dimensions), sharex=True, squeeze=False)
    panels = itertools.product(
        range(len(kinds)), ("value", "gradient"), range(len(dimensions))
    )
    for (i, what, j), ax in zip(panels, axes.flat, strict=True):
        for name in ("truth", *DRAWN):
            chosen = [
                (float(line["rho"]), float(line[what]))
                for line in lines
                if (line["data"], line["d"], line["estimator"])
                == (kinds[i], dimensions[j], name)
            ]
            style = {"color": "black", "lw": 2} if name == "truth" else {"lw": 1}
            if chosen:
                ax.plot(*zip(*chosen, strict=True), label=name, **style)
        if i == 0 and what == "value":
            ax.set_title(f"d = {dimensions[j]}")
        if j == 0:
            ax.set_ylabel(f"{kinds[i]}\n{'I' if what == 'value' else 'dI/drho'}")
    axes[0, 0].legend(fontsize=6)
    figure.tight_layout()
    figure.savefig(Path(path).with_suffix(".png"), dpi=100)


def main():
    """Run all cases and write the table."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--seeds", type=int, default=10)
    parser.add_argument("--first-seed", type=int, default=0)
    parser.add_argument("--points", type=int, default=32)
    parser.add_argument("--mine-seeds", type=int, default=1)
    parser.add_argument("--mine-points", type=int, default=8)
    parser.add_argument(
        "--dimensions", type=int, nargs="+", default=[5, 8, 10, 16, 20, 32]
    )
    parser.add_argument("--kinds", nargs="+", default=["normal", "arcsinh", "mixture"])
    parser.add_argument("--curves", action="store_true", help="one curve of each")
    options = tables.parse(parser, BENCHMARK)
    torch.set_num_threads(1)
    if options.curves:
        write_curves(options)
        plot_curves(options.out)
        return
    table = []
    for line in lines(options):
        print(*line.values(), sep="  ", flush=True)
        table.append(line)
        tables.write_table(options.out, table)


if __name__ == "__main__":
    main()
