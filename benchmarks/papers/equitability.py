"""Equitability: estimates for Y = f(X) + noise, and the exact values.

    python -m benchmarks run equitability

X is uniform on (-1, 1), the noise normal. For a given noise the mutual information is
not the same for every f, since f(X) is spread otherwise; the truth of each is computed
by numerical integration. Where f is applied to X + noise instead, it is the same for
every increasing f, and an estimate that is not, is off. One row for each estimator,
shape and noise.
"""

import argparse
import warnings
from pathlib import Path

import numpy as np
import torch
from scipy.integrate import trapezoid
from scipy.stats import norm

import skmi
from benchmarks import harness, tables

BENCHMARK = {
    "data": "drawn",
    "tables": {
        "equitability": {
            "small": "--rows 100 --seeds 1 --estimators KSG",
            "cpu": "--seeds 3",
        },
    },
}
SHAPES = {"x": lambda x: x, "x^3": lambda x: x**3, "sin x": np.sin}
NOISES = (0.1, 0.3, 0.5, 0.7, 0.9)
ESTIMATORS = {
    "KSG": lambda seed: skmi.KSG(random_state=seed),
    "MINE": lambda seed: skmi.MINE(random_state=seed),
    "NWJ": lambda seed: skmi.NWJ(random_state=seed),
    "InfoNCE": lambda seed: skmi.InfoNCE(random_state=seed),
}


def mutual_info(shape, noise):
    """Return the exact value: entropy of Y less that of the noise."""
    x = np.linspace(-1, 1, 4001)
    y = np.linspace(-1 - 8 * noise, 1 + 8 * noise, 4001)
    density = trapezoid(norm.pdf(y[:, None], SHAPES[shape](x), noise) / 2, x, axis=1)
    terms = np.where(density > 0, -density * np.log(np.maximum(density, 1e-300)), 0)
    return trapezoid(terms, y) - np.log(noise * np.sqrt(2 * np.pi * np.e))


def draw(shape, noise, inside, seed, n_rows):
    """Draw pairs, the noise inside of f or outside."""
    rng = np.random.RandomState(seed)
    x = rng.uniform(-1, 1, (n_rows, 1))
    error = noise * rng.standard_normal((n_rows, 1))
    return x, SHAPES[shape](x + error) if inside else SHAPES[shape](x) + error


def main():
    """Run all cases and write the table and the picture."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--seeds", type=int, default=3)
    parser.add_argument("--first-seed", type=int, default=0)
    parser.add_argument("--rows", type=int, default=3000)
    parser.add_argument("--estimators", nargs="+", default=list(ESTIMATORS))
    options = tables.parse(parser, BENCHMARK)
    torch.set_num_threads(1)
    warnings.simplefilter("ignore", skmi.SkmiWarning)
    seeds = range(options.first_seed, options.first_seed + options.seeds)
    table = []
    for name in options.estimators:
        make = ESTIMATORS[name]
        for inside in (False, True):
            for shape in ("x", "x^3") if inside else SHAPES:
                for noise in NOISES:
                    truth = mutual_info("x" if inside else shape, noise)
                    values = [
                        make(seed)
                        .fit(*draw(shape, noise, inside, seed, options.rows))
                        .mutual_info_
                        for seed in seeds
                    ]
                    table.append(
                        {
                            "estimator": name,
                            "relation": f"f(x + noise), f = {shape}"
                            if inside
                            else f"f(x) + noise, f = {shape}",
                            "noise": noise,
                            "truth": f"{truth:.3f}",
                            "mean": f"{np.mean(values):.3f}",
                            "error": f"{np.mean(values) - truth:.3f}",
                        }
                    )
                    print(table[-1], flush=True)
                    tables.write_table(options.out, table)
    draw_picture(table, Path(options.out).with_suffix(".png"))


def draw_picture(table, path):
    """Draw the estimates against the truth, a colour for each relation."""
    names = list(dict.fromkeys(row["estimator"] for row in table))
    picture, axes = harness.figure(len(names), "Equitability")
    for axis, name in zip(axes, names, strict=True):
        rows = [row for row in table if row["estimator"] == name]
        for relation in dict.fromkeys(row["relation"] for row in rows):
            points = [row for row in rows if row["relation"] == relation]
            truth, mean = (
                [float(row[key]) for row in points] for key in ("truth", "mean")
            )
            axis.plot(truth, mean, "o-", label=relation, markersize=3)
        axis.plot([0, 1.7], [0, 1.7], "k--")
        axis.set(title=name, xlabel="truth (nats)")
    axes[0].set_ylabel("estimate (nats)")
    axes[0].legend(fontsize=6)
    picture.savefig(path)


if __name__ == "__main__":
    main()
