r"""Type I error of the test of conditional independence by kind and size of Z.

    python -m benchmarks run conditional

X and y are each a function of Z plus noise of their own; with ``--link`` the noises are
correlated, which is the partial correlation. A row of the table is a cell: the share of
p-values at or below 0.05, the share of results marked reliable, the share of both at
once, which should be at most 0.05 under the null hypothesis, and CPU seconds a test.
"""

import argparse
import time
import warnings

import numpy as np
import pandas as pd

import skmi
from benchmarks import tables
from skmi.inference import conditional_independence_test

BENCHMARK = {
    "data": "drawn",
    "tables": {
        "conditional": {
            "small": "--rows 100 --columns 1 3 --seeds 3",
            "cpu": "--rows 100 300 1000 --columns 1 2 3 5 10 --seeds 100 "
            "--first-seed 7000",
        },
    },
}
LEVEL = 0.05


def noises(rng, n_rows, link):
    """Draw two normal noises of a correlation."""
    one, other = rng.standard_normal((2, n_rows))
    return one, link * one + np.sqrt(1 - link**2) * other


def draw_numbers(rng, n, d, link):
    """Draw waves, squares and saturating functions of columns of numbers."""
    Z, (a, b) = rng.standard_normal((n, d)), noises(rng, n, link)
    curves = (lambda z: np.sin(2 * z), lambda z: z**2 / 1.5, lambda z: np.tanh(2 * z))
    shared = sum(curves[k % 3](column) for k, column in enumerate(Z.T))
    return shared + a, shared + b, Z


def draw_linear(rng, n, d, link):
    """Draw sums of columns of numbers."""
    Z, (a, b) = rng.standard_normal((n, d)), noises(rng, n, link)
    return Z.sum(axis=1) + a, Z.sum(axis=1) + b, Z


def draw_absolute(rng, n, d, link):
    """Draw sums of absolute values, which explain most."""
    Z, (a, b) = rng.standard_normal((n, d)), noises(rng, n, link)
    shared = np.abs(Z).sum(axis=1)
    return shared + a / 2, shared + b / 2, Z


def draw_codes(rng, n, d, link):
    """Draw a mean for each of ten whole numbers in each column."""
    codes, means = rng.randint(10, size=(n, d)), rng.standard_normal((d, 10))
    shared = sum(mean[column] for mean, column in zip(means, codes.T, strict=True))
    a, b = noises(rng, n, link)
    return shared + a, shared + b, codes.astype(float)


def draw_labels(rng, n, d, link):
    """Draw a mean for each of ten labels in each column."""
    X, y, codes = draw_codes(rng, n, d, link)
    return X, y, pd.DataFrame(np.array(list("abcdefghij"))[codes.astype(int)])


def draw_mixed(rng, n, d, link):
    """Draw functions of columns that are numbers and labels in turn."""
    Z, (a, b) = rng.standard_normal((n, d)), noises(rng, n, link)
    table, shared = pd.DataFrame(Z), np.zeros(n)
    for k in range(d):
        if k % 2:
            codes = rng.randint(4, size=n)
            table[k] = np.array(list("pqrs"))[codes]
            shared += np.array([0, 1, -1, 0.5])[codes]
        else:
            shared += np.abs(Z[:, k]) if k % 4 else Z[:, k]
    return shared + a, shared + b, table


def draw_heavy(rng, n, d, link):
    """Draw sums of Student columns of two degrees of freedom, with heavy noise."""
    Z, (a, b) = rng.standard_t(2, size=(n, d)), rng.standard_t(3, size=(2, n))
    return Z.sum(axis=1) + a, Z.sum(axis=1) + b + link * a, Z


def draw_scales(rng, n, d, link):
    """Draw sums whose noise grows with Z."""
    Z, (a, b) = rng.standard_normal((n, d)), noises(rng, n, link)
    scale = 0.3 + 1.2 * np.abs(Z).mean(axis=1)
    return Z.sum(axis=1) + scale * a, Z.sum(axis=1) + scale * b, Z


def draw_products(rng, n, d, link):
    """Draw sums of products of neighbouring columns."""
    Z, (a, b) = rng.standard_normal((n, d)), noises(rng, n, link)
    shared = (Z * np.roll(Z, 1, axis=1)).sum(axis=1)
    return shared + a, shared + b, Z


def draw_steps(rng, n, d, link):
    """Draw sums of columns rounded down."""
    Z, (a, b) = rng.standard_normal((n, d)), noises(rng, n, link)
    shared = np.floor(1.5 * Z).sum(axis=1)
    return shared + a, shared + b, Z


def draw_sides(rng, n, d, link):
    """Draw labels on both sides, by thresholds of a sum and of noise."""
    Z, (a, b) = rng.standard_normal((n, d)), noises(rng, n, link)
    shared = 2 * Z.sum(axis=1) / np.sqrt(d)
    X = np.where(shared + a > 0, "u", "v")
    return X, np.digitize(shared + b, [-1, 1]).astype(str), Z


KINDS = {
    "numbers": draw_numbers,
    "linear": draw_linear,
    "absolute values": draw_absolute,
    "codes": draw_codes,
    "labels": draw_labels,
    "mixed": draw_mixed,
    "heavy tails": draw_heavy,
    "heteroscedastic": draw_scales,
    "products": draw_products,
    "steps": draw_steps,
    "labels on both sides": draw_sides,
}


def measure_cell(draw, n_rows, n_columns, options):
    """Return the shares of a cell."""
    start, results = time.process_time(), []
    for seed in range(options.first_seed, options.first_seed + options.seeds):
        sides = draw(np.random.RandomState(seed), n_rows, n_columns, options.link)
        results.append(
            conditional_independence_test(*sides, n_permutations=99, random_state=seed)
        )
    spent = (time.process_time() - start) / options.seeds
    rejected = np.array([result.pvalue <= LEVEL + 1e-9 for result in results])
    reliable = np.array([result.reliable for result in results])
    return {
        "rejected": f"{rejected.mean():.3f}",
        "reliable": f"{reliable.mean():.3f}",
        "both": f"{(rejected & reliable).mean():.3f}",
        "seconds": f"{spent:.3f}",
    }


def main():
    """Run all cells that are asked for."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--rows", type=int, nargs="+", default=[100, 300, 1000])
    parser.add_argument("--columns", type=int, nargs="+", default=list(range(1, 11)))
    parser.add_argument("--kinds", nargs="+", default=list(KINDS), choices=KINDS)
    parser.add_argument("--seeds", type=int, default=200)
    parser.add_argument("--first-seed", type=int, default=0)
    parser.add_argument("--link", type=float, default=0.0)
    parser.add_argument("--append", action="store_true")
    options = tables.parse(parser, BENCHMARK)
    warnings.simplefilter("ignore", skmi.SkmiWarning)
    table = tables.read_table(options.out) if options.append else []
    for n_rows in options.rows:
        for kind in options.kinds:
            for n_columns in options.columns:
                found = measure_cell(KINDS[kind], n_rows, n_columns, options)
                cell = {"rows": n_rows, "kind": kind, "columns": n_columns}
                table.append({**cell, "link": options.link, **found})
                tables.write_table(options.out, table)
                print(table[-1], flush=True)


if __name__ == "__main__":
    main()
