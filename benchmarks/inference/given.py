r"""Conditional mutual information of triples: errors and intervals.

    python -m benchmarks run given

Normal triples of one to five columns in each variable; chains of labels, whose value is
a sum over their table of probabilities; and mixed triples, by integration over a grid.
Neighbours for up to four columns in all. One row for each estimator and triple: the
mean error over the seeds and the largest, the mean of the standard errors given, and
how often the truth lay in the interval of nominal 95 %.
"""

import argparse
import math
import time
import warnings

import numpy as np
import torch

import skmi
from benchmarks import tables
from skmi.inference import confidence_interval

BENCHMARK = {
    "data": "drawn",
    "tables": {
        "given": {
            "small": "--rows 200 --seeds 1 --estimators GaussianMI KSG --triples"
            " 'normal 1 columns 0.5 nats' 'number, label given label'",
            "cpu": "--rows 3000 --seeds 5 --first-seed 3000",
        },
    },
}
GRID = np.linspace(-12, 12, 24001)
LETTERS = np.array(list("abcdefghij"))


def normal(rng, n_rows, n_columns, value):
    """Return X, y and Z of as many normal columns each, and I(X; y | Z)."""
    Z, a, b = rng.standard_normal((3, n_rows, n_columns))
    rho = math.sqrt(1 - math.exp(-2 * value / n_columns))
    X = Z @ rng.standard_normal((n_columns, n_columns)) + a
    y = Z @ rng.standard_normal((n_columns, n_columns))
    return X, y + rho * a + math.sqrt(1 - rho**2) * b, Z, value


def wide(rng, n_rows, value, side):
    """Return a normal triple of four columns, of which X or Z has two."""
    columns = {name: 1 + (name == side) for name in "XyZ"}
    Z, a = (rng.standard_normal((n_rows, columns[name])) for name in "ZX")
    rho = math.sqrt(1 - math.exp(-2 * value))
    rest = math.sqrt(1 - rho**2) * rng.standard_normal(n_rows)
    y = rho * a.sum(axis=1) / math.sqrt(a.shape[1]) + rest - Z[:, 0]
    return a + Z.sum(axis=1, keepdims=True), y, Z, value


def labels(rng, n_rows, n_levels, is_chain=False):
    """Return labels of a random table of probabilities, and its information."""
    shape = (n_levels,) * 3
    table = rng.dirichlet(np.full(n_levels**3, 0.5)).reshape(shape)
    x, y, z = (table.sum(axis, keepdims=True) for axis in (1, 0, (0, 1)))
    if is_chain:  # X and y are independent given Z
        table = x * y / z
    value = float((table * np.log(np.maximum(table * z / (x * y), 1e-300))).sum())
    cells = rng.choice(table.size, n_rows, p=table.ravel() / table.sum())
    X, y, Z = (LETTERS[code] for code in np.unravel_index(cells, shape))
    return X.reshape(-1, 1), y, Z, value


def label_of_number(rng, n_rows):
    """Return a number, a label drawn by a logistic curve of it, and labels Z."""
    code, noise = rng.choice(3, n_rows), rng.standard_normal(n_rows)
    y = rng.uniform(size=n_rows) < 1 / (1 + np.exp(-2 * noise))
    share = 1 / (1 + np.exp(-2 * GRID))
    surprise = np.logaddexp(0, -2 * GRID) * share + np.logaddexp(0, 2 * GRID) * (
        1 - share
    )
    value = math.log(2) - mean_over_grid(surprise)
    return (noise + code)[:, None], LETTERS[y.astype(int)], LETTERS[code], value


def number_of_label(rng, n_rows):
    """Return labels, a number about a mean for each, and a number Z."""
    means, z = np.array([-1.5, 0.0, 2.0]), rng.standard_normal(n_rows)
    code = rng.choice(3, n_rows)
    y = means[code] + z + rng.standard_normal(n_rows)
    density = np.exp(-((GRID[:, None] - means) ** 2) / 2) / math.sqrt(2 * math.pi)
    mixture = density.mean(axis=1)
    step = GRID[1] - GRID[0]
    surprise = -(mixture * np.log(np.maximum(mixture, 1e-300))).sum() * step
    value = surprise - 0.5 * math.log(2 * math.pi * math.e)
    return LETTERS[code].reshape(-1, 1), y, z, float(value)


def numbers_given_label(rng, n_rows):
    """Return numbers whose correlation differs between the labels Z."""
    rho = np.array([0.0, 0.5, 0.9])
    code, (a, b) = rng.choice(3, n_rows), rng.standard_normal((2, n_rows))
    y = rho[code] * a + np.sqrt(1 - rho[code] ** 2) * b - code
    value = float(-0.5 * np.log(1 - rho**2).mean())
    return (a + code)[:, None], y, LETTERS[code], value


def mean_over_grid(values):
    """Return the mean of a function of a standard normal variable."""
    weights = np.exp(-(GRID**2) / 2)
    return float((values * weights).sum() / weights.sum())


NORMAL = {
    f"normal {d} columns {value} nats": (normal, d, value)
    for d in (1, 2, 3, 4, 5)
    for value in (0.0, 0.5, 1.0, 2.0)
}
FOUR = {
    f"normal two in {side} {value} nats": (wide, value, side)
    for side in "XZ"
    for value in (0.0, 0.5, 1.0, 2.0)
}
LABELS = {
    "labels of 3": (labels, 3),
    "labels of 6": (labels, 6),
    "chain of labels of 4": (labels, 4, True),
}
MIXED = {
    "number, label given label": (label_of_number,),
    "label, number given number": (number_of_label,),
    "numbers given label": (numbers_given_label,),
}
TRIPLES = NORMAL | FOUR | LABELS | MIXED
FEW = [name for name in NORMAL if name.startswith("normal 1 ")]
MEANT_FOR = {
    "GaussianMI": [*NORMAL, *FOUR],
    "GaussianCopulaMI": [*NORMAL, *FOUR],
    "KSG": [*FEW, *FOUR],
    "MixedKSG": [*LABELS, *MIXED],
    "HistogramMI": [*LABELS],
    "AutoMI": list(TRIPLES),
}


def measure(name, triple, options):
    """Return the figures of one estimator on one triple."""
    draw, *arguments = TRIPLES[triple]
    start, found = time.process_time(), []
    for seed in range(options.first_seed, options.first_seed + options.seeds):
        rng = np.random.RandomState(seed)
        X, y, Z, truth = draw(rng, options.rows, *arguments)
        interval = confidence_interval(
            getattr(skmi, name)(), X, y, Z, random_state=seed
        )
        covered = interval.low <= truth <= interval.high
        error = interval.mutual_info - truth
        found.append([truth, error, interval.standard_error, covered])
    truth, errors, given, covered = np.array(found, dtype=float).T
    return {
        "rows": options.rows,
        "seeds": options.seeds,
        "truth": f"{truth.mean():.3f}",
        "error": f"{errors.mean():.4f}",
        "largest_error": f"{np.abs(errors).max():.4f}",
        "standard_error": f"{given.mean():.4f}",
        "covered": f"{covered.mean():.3f}",
        "seconds": f"{(time.process_time() - start) / options.seeds:.2f}",
    }


def main():
    """Run all triples and write the table."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--rows", type=int, default=3000)
    parser.add_argument("--seeds", type=int, default=5)
    parser.add_argument("--first-seed", type=int, default=0)
    parser.add_argument("--estimators", nargs="+", default=list(MEANT_FOR))
    parser.add_argument("--triples", nargs="+", default=list(TRIPLES))
    options = tables.parse(parser, BENCHMARK)
    torch.set_num_threads(1)
    warnings.simplefilter("ignore", skmi.SkmiWarning)
    rows = []
    for name in options.estimators:
        for triple in options.triples:
            if triple in MEANT_FOR[name]:
                head = {"estimator": name, "triple": triple}
                rows.append(head | measure(name, triple, options))
                print(rows[-1], flush=True)
                tables.write_table(options.out, rows)


if __name__ == "__main__":
    main()
