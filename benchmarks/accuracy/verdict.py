"""How often AutoMI is wrong with the status "ok", on families with known true value.

    python -m benchmarks run verdict

The truth of each family is a closed form, or a numerical integral. One row for each fit
goes to `--out`. The printed table has one row for each family and size: how often the
truth lay outside the interval though the status was "ok" or "zero" (`wrong`), in it
though the status was another (`doubted`), the mean interval score (the width, and forty
times the distance by which the truth is missed), the mean error, the sources of the
estimates, and the CPU seconds, also in units of ``InfoNCE().fit`` on the same samples
(the first seed of each). With `--more` an interrupted run goes on: the rows of `--out`
are kept. An older version is measured by putting it on PYTHONPATH.
"""

import argparse
import functools
import importlib
import time
import warnings
from collections import Counter

import numpy as np
import pandas as pd
import torch
from joblib import Parallel, delayed
from scipy.integrate import trapezoid
from scipy.stats import chi2, norm

import skmi
from benchmarks import tables
from benchmarks.accuracy import shapes as mixtures
from skmi.datasets import (
    make_additive_noise,
    make_correlated_normal,
    make_dense_normal,
    make_sparse_normal,
    make_student_t,
)

BENCHMARK = {
    "data": "drawn",
    "tables": {
        "verdict": {
            "small": "--sizes 100 --seeds 1 --families 'normal 1x1 .41' 'labels"
            " both sides' 'nothing 2x2'",
            "cpu": "--sizes 200 1000 --seeds 6 --first-seed 10100 --more",
        },
        "verdict_large": {
            "small": "--sizes 300 --seeds 1 --families 'normal 1x1 .41' --no-rival",
            "cpu": "--sizes 3000 --seeds 1 --first-seed 10100 --more --no-rival",
        },
    },
}
POINTS = (np.arange(4000) + 0.5) / 4000  # quantiles of a numerical integral
SAYS_RIGHT = ("ok", "zero")


def noisy(signals, noise):
    """Return the mutual information of a signal of given values and itself plus noise.

    The noise is normal; the values are quantiles, each as likely as the others.
    """
    return mixture_entropy(signals, noise) - norm(scale=noise).entropy()


def mixture_entropy(means, scales):
    """Return the entropy of a mixture of normal distributions, by integration."""
    means, scales = np.broadcast_arrays(means, scales)
    edge = (np.abs(means) + 8 * scales).max()
    grid = np.linspace(-edge, edge, 2001)
    density = np.zeros(len(grid))
    for part in np.array_split(np.arange(len(means)), 20):
        density += norm.pdf(grid[:, np.newaxis], means[part], scales[part]).sum(axis=1)
    density /= len(means)
    return -trapezoid(density * np.log(np.maximum(density, 1e-300)), grid)


# -- numbers -------------------------------------------------------------------------


def rotation(n_columns):
    """Return a rotation that mixes all columns, always the same."""
    draws = np.random.RandomState(5).standard_normal((n_columns, n_columns))
    return np.linalg.qr(draws)[0]


@functools.cache
def wave_truth(frequency, noise):
    """Return the mutual information of a sine with noise."""
    return noisy(np.sin(frequency * norm.ppf(POINTS)), noise)


def rotated_wave(n, seed, *, frequency, n_columns=2, noise=0.3):
    """Draw a sine of one direction of several columns."""
    rng = np.random.RandomState(seed)
    X = rng.standard_normal((n, n_columns))
    y = np.sin(frequency * X[:, :1]) + noise * rng.standard_normal((n, 1))
    return X @ rotation(n_columns), y, wave_truth(frequency, noise)


@functools.cache
def product_truth(noise):
    """Return the mutual information of a product with noise."""
    scales = np.sqrt(norm.ppf(POINTS) ** 2 + noise**2)
    return mixture_entropy(0.0, scales) - norm(scale=noise).entropy()


def rotated_product(n, seed, *, n_columns=2, noise=0.5):
    """Draw the product of two directions."""
    rng = np.random.RandomState(seed)
    X = rng.standard_normal((n, n_columns))
    y = X[:, :1] * X[:, 1:2] + noise * rng.standard_normal((n, 1))
    return X @ rotation(n_columns), y, product_truth(noise)


@functools.cache
def length_truth(n_columns, noise):
    """Return the mutual information of a length with noise."""
    return noisy(np.sqrt(chi2(n_columns).ppf(POINTS)), noise)


def length(n, seed, *, n_columns=3, noise=0.3):
    """Draw the length of a vector."""
    rng = np.random.RandomState(seed)
    X = rng.standard_normal((n, n_columns))
    y = np.sqrt((X**2).sum(axis=1, keepdims=True))
    y = y + noise * rng.standard_normal((n, 1))
    return X, y, length_truth(n_columns, noise)


@functools.cache
def mixture(name, n_columns, share, rho):
    """Return a mixture of dependent samples and of independent ones."""
    parts = [mixtures.correlated(n_columns, rho), np.eye(2 * n_columns)]
    if name == "cross":
        parts[1] = mixtures.correlated(n_columns, -rho)
    return mixtures.Mixture(
        n_columns, [1 - share, share], np.zeros((2, 2 * n_columns)), parts
    )


def mixed_normals(n, seed, **settings):
    """Draw from a mixture of normal distributions."""
    return mixture(**settings)(n, seed)


@functools.cache
def shapes():
    """Return the families of shapes.py, drawn once."""
    mixtures.TRUTH_ROWS = 200_000  # a truth within .003 nats
    return mixtures.families()


def shape(n, seed, *, name):
    """Draw from a family of shapes.py."""
    return shapes()[name](n, seed)


# -- labels --------------------------------------------------------------------------


def intervals(n, seed):
    """Draw five labels y, x uniform on [y, y + 2]."""
    rng = np.random.RandomState(seed)
    codes = rng.randint(5, size=n)
    X = codes[:, np.newaxis] + rng.uniform(0, 2, size=(n, 1))
    return X, as_text(codes), np.log(5) - 0.8 * np.log(2)


def shifted(n, seed, *, n_labels, step):
    """Draw labels on a line, with normal noise."""
    rng = np.random.RandomState(seed)
    codes = rng.randint(n_labels, size=n)
    X = step * codes[:, np.newaxis] + rng.standard_normal((n, 1))
    return X, as_text(codes), shifted_truth(n_labels, step)


@functools.cache
def shifted_truth(n_labels, step):
    """Return the mutual information of labels on a line."""
    means = step * np.arange(n_labels)
    return mixture_entropy(means - means.mean(), 1.0) - norm.entropy()


def scales(n, seed, *, ratio):
    """Draw two labels whose samples differ in scale alone, in two columns."""
    rng = np.random.RandomState(seed)
    codes = rng.randint(2, size=n)
    X = rng.standard_normal((n, 2)) * np.where(codes, ratio, 1.0)[:, np.newaxis]
    return X, as_text(codes), scales_truth(ratio)


@functools.cache
def scales_truth(ratio):
    """Return the mutual information of labels that differ in scale."""
    squares = np.concatenate([s**2 * chi2(2).ppf(POINTS) for s in (1.0, ratio)])
    logs = [-squares / 2, -squares / (2 * ratio**2) - 2 * np.log(ratio)]
    return np.log(2) - label_entropy(logs[0] - logs[1])


def label_entropy(log_odds):
    """Return the mean entropy of a label of given log odds."""
    log_odds = np.abs(log_odds)
    return np.mean(np.log1p(np.exp(-log_odds)) + log_odds / (1 + np.exp(log_odds)))


def both_labels(n, seed):
    """Draw labels on both sides."""
    table = np.array([[4, 1, 1], [1, 3, 1], [0, 1, 4]]) / 16
    cells = np.random.RandomState(seed).choice(9, n, p=table.ravel())
    alone = np.outer(table.sum(axis=1), table.sum(axis=0))
    seen = table > 0
    truth = (table[seen] * np.log(table[seen] / alone[seen])).sum()
    return pd.DataFrame({"kind": as_text(cells // 3)}), as_text(cells % 3), truth


def mixed_table(n, seed):
    """Draw a label and a number, which acts on y with the sign of the label."""
    rng = np.random.RandomState(seed)
    kind, size = rng.randint(2, size=n), rng.standard_normal(n)
    log_odds = 2 * size * (2 * kind - 1)
    codes = (rng.logistic(size=n) < log_odds).astype(int)
    X = pd.DataFrame({"kind": as_text(kind), "size": size})
    return X, as_text(codes), np.log(2) - label_entropy(2 * norm.ppf(POINTS))


def as_text(codes):
    """Return codes as text, so that they are labels."""
    return np.char.add("c", np.asarray(codes).astype(str))


def independent(n, seed, *, kind):
    """Draw independent blocks."""
    rng = np.random.RandomState(seed)
    if kind == "normal":
        X, y = rng.standard_normal((2, n, 2))
    elif kind == "uniform":
        X, y = rng.uniform(size=(2, n, 1))
    elif kind == "heavy":
        X, y = rng.standard_t(2, size=(2, n, 5))
    else:
        X, y = rng.standard_normal((n, 2)), as_text(rng.randint(20, size=n))
    return X, y, 0.0


# -- the battery ---------------------------------------------------------------------


def task(make, **settings):
    """Return one of the library's tasks as a family."""
    return lambda n, seed: make(n_samples=n, random_state=seed, **settings)


def additive_uniform(n, seed, *, n_columns, width=0.5, turns=False):
    """Draw several columns with uniform noise each, rotated on both sides or not."""
    X, y, truth = make_additive_noise(n * n_columns, noise=width, random_state=seed)
    X, y = X.reshape(n, n_columns), y.reshape(n, n_columns)
    if turns:
        X, y = X @ rotation(n_columns), y @ rotation(n_columns).T
    return X, y, n_columns * truth


def noise_of(mutual_info):
    """Return the half width of additive noise for a mutual information."""
    widths = np.linspace(1e-4, 0.5, 500001)
    return float(np.interp(-mutual_info, np.log(2 * widths) - widths, widths))


FAMILIES = {
    "normal 1x1 .41": task(make_sparse_normal, n_features=1, correlations=(0.75,)),
    "normal 1x1 3": task(make_correlated_normal, mutual_info=3.0),
    "normal 1x1 5": task(make_correlated_normal, mutual_info=5.0),
    "normal 2x2 .5": task(make_correlated_normal, n_features=2, mutual_info=0.5),
    "normal 5x5 dense": task(make_dense_normal, n_features=5),
    "normal 20x20 12": task(make_correlated_normal, n_features=20, mutual_info=12.0),
    "student 1x1 1": task(make_student_t, n_features=1, degrees_of_freedom=1),
    "student 2x2 2": task(make_student_t, n_features=2, degrees_of_freedom=2),
    "student 5x5 3": task(make_student_t, n_features=5, degrees_of_freedom=3),
    "half_cube 3x3": task(make_sparse_normal, n_features=3, transforms=["half_cube"]),
    "bimodal 1x1": task(
        make_sparse_normal, n_features=1, correlations=(0.75,), transforms=["bimodal"]
    ),
    "swiss roll": task(
        make_sparse_normal,
        n_features=1,
        correlations=(0.75,),
        transforms=["swiss_roll"],
    ),
    "spiral 3x3": task(make_sparse_normal, n_features=3, transforms=["spiral"]),
    "additive .33": task(make_additive_noise, noise=0.75),
    "additive 1.7": task(make_additive_noise, noise=0.1),
    "additive 3": task(make_additive_noise, noise=noise_of(3.0)),
    "additive 5": task(make_additive_noise, noise=noise_of(5.0)),
    "additive 5x5": functools.partial(additive_uniform, n_columns=5),
    "additive 5x5 turned": functools.partial(additive_uniform, n_columns=5, turns=True),
    "rotated wave 2x1": functools.partial(rotated_wave, frequency=2.0),
    "rotated wave 3x1": functools.partial(rotated_wave, frequency=3.0, n_columns=3),
    "rotated product 2x1": rotated_product,
    "rotated product 5x1": functools.partial(rotated_product, n_columns=5),
    "length 3x1": length,
    "cross 1x1": functools.partial(shape, name="cross 1x1"),
    "cross 3x3": functools.partial(shape, name="cross 3x3"),
    "wave 1x1": functools.partial(shape, name="wave 1x1"),
    "shells 1x1": functools.partial(shape, name="shells 1x1"),
    "clusters 3x3": functools.partial(shape, name="clusters 3x3"),
    "inliers 1x1": functools.partial(shape, name="inliers 1x1"),
    "inliers 2x2": functools.partial(shape, name="inliers 2x2"),
    "inliers 5x5": functools.partial(
        mixed_normals, name="inliers", n_columns=5, share=0.5, rho=0.8
    ),
    "labels intervals": intervals,
    "labels 2 shifted": functools.partial(shifted, n_labels=2, step=2.0),
    "labels 10 shifted": functools.partial(shifted, n_labels=10, step=2.0),
    "labels scales": functools.partial(scales, ratio=2.5),
    "labels both sides": both_labels,
    "labels mixed": mixed_table,
    "nothing 2x2": functools.partial(independent, kind="normal"),
    "nothing uniform": functools.partial(independent, kind="uniform"),
    "nothing heavy 5x5": functools.partial(independent, kind="heavy"),
    "nothing labels": functools.partial(independent, kind="labels"),
}


def measure(name, n, seed, with_rival):
    """Fit AutoMI once and return the row of the table."""
    torch.set_num_threads(1)
    X, y, truth = FAMILIES[name](n, seed)
    row = {"family": name, "n": n, "seed": seed, "truth": f"{truth:.4f}"}
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        start = time.process_time()
        model = skmi.AutoMI(random_state=seed).fit(X, y)
        row["cpu_s"] = f"{time.process_time() - start:.2f}"
        row["rival_s"] = ""
        if with_rival and not isinstance(X, pd.DataFrame):  # it takes numbers alone
            start = time.process_time()
            skmi.InfoNCE(random_state=seed).fit(X, y)
            row["rival_s"] = f"{time.process_time() - start:.2f}"
    low, high = model.confidence_interval_
    miss = max(low - truth, truth - high, 0.0)
    return row | {
        "estimate": f"{model.mutual_info_:.4f}",
        "low": f"{low:.4f}",
        "high": f"{high:.4f}",
        "bound": f"{model.lower_bound_:.4f}",
        "status": model.status_,
        "by": model.chosen_,
        "wrong": int(miss > 0 and model.status_ in SAYS_RIGHT),
        "doubted": int(miss == 0 and model.status_ not in SAYS_RIGHT),
        "score": f"{high - low + 40 * miss:.4f}",
    }


def summarise(rows):
    """Return one line of text for each family and size, and the means."""
    groups = {}
    for row in rows:
        n = int(row["n"])
        groups.setdefault((row["family"], n), []).append(row)
        groups.setdefault(("all", n), []).append(row)
    lines = []
    for (family, n), group in sorted(groups.items(), key=lambda item: item[0][1]):
        means = {
            key: np.mean([float(row[key]) for row in group])
            for key in ("wrong", "doubted", "score", "cpu_s")
        }
        errors = [float(row["estimate"]) - float(row["truth"]) for row in group]
        ratios = [
            float(row["cpu_s"]) / float(row["rival_s"])
            for row in group
            if row["rival_s"]
        ]
        counts = Counter(f"{row['by']}/{row['status']}" for row in group)
        said = "" if family == "all" else dict(counts)
        lines.append(
            f"{n:5d} {family:22s} wrong {means['wrong']:.2f} doubted "
            f"{means['doubted']:.2f} score {means['score']:7.3f} "
            f"error {np.mean(errors):+.3f} cpu {means['cpu_s']:6.2f} "
            f"of InfoNCE {np.median(ratios) if ratios else np.nan:.2f} {said}"
        )
    return lines


def main():
    """Run all fits and write the table."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--sizes", type=int, nargs="+", default=[200, 1000])
    parser.add_argument("--seeds", type=int, default=4)
    parser.add_argument("--first-seed", type=int, default=0)
    parser.add_argument("--families", nargs="+", default=list(FAMILIES))
    parser.add_argument("--no-rival", action="store_true")
    parser.add_argument("--jobs", type=int, default=1)
    parser.add_argument(
        "--more",
        action="store_true",
        help="keep the rows of --out by the same version, run those it lacks",
    )
    options = tables.parse(parser, BENCHMARK)
    rows = tables.kept_rows(options.out) if options.more else []
    known = {(row["family"], int(row["n"]), int(row["seed"])) for row in rows}
    jobs = [
        delayed(measure)(name, n, seed, not options.no_rival and not place)
        for place, seed in enumerate(
            range(options.first_seed, options.first_seed + options.seeds)
        )
        for n in options.sizes
        for name in options.families
        if (name, n, seed) not in known
    ]
    for row in Parallel(options.jobs, return_as="generator_unordered")(jobs):
        rows.append(row)
        tables.write_table(options.out, rows)
    rows.sort(key=lambda row: (-int(row["n"]), int(row["seed"])))
    tables.write_table(options.out, rows)
    print("\n".join(summarise(rows)))


if __name__ == "__main__":
    # Workers find the families by the name of the module, not of the script.
    importlib.import_module("benchmarks.accuracy.verdict").main()
