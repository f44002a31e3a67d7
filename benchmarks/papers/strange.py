r"""Critic scores on out-of-distribution samples (Choi & Lee 2022, App. B).

    python -m benchmarks run strange

Critics T(x, y) of a row and a label are trained as in the supervised part of
``papers/labels.py``, by six bounds and their regularised twins, on rows of MNIST. The
best critic is the log density ratio, so that

.. math:: u(x) = \log \tfrac{1}{10} \sum_y e^{T(x, y)}

is 0 for every digit, up to a constant of the bound: the learnt baseline of TUBA and the
1 of NWJ are taken off; MINE, SMILE and InfoNCE leave theirs open. The rows: digits that
did not train, the same with their pixels shuffled (each in its own way), CIFAR-10 in
grey at 28 by 28 pixels, uniform noise.

One row for each loss and kind of rows: the median of u, the share of pairs of a row and
a label with T > 0, and how well max_y T, and u, tell digits from the kind: the area
under the ROC curve, .5 for no better than chance. Mean and spread over seeds. The
picture beside the table draws the medians.
"""

import argparse
import math
from pathlib import Path

import numpy as np
import torch
from sklearn.metrics import roc_auc_score

from benchmarks import harness, tables
from benchmarks.papers import labels

BENCHMARK = {
    "data": "MNIST; CIFAR-10 by --strange",
    "tables": {
        "strange": {
            "small": "--rows 200 --epochs 1 --seeds 1 --data digits",
            "cpu": "--rows 2000 --epochs 30 --seeds 5",
        },
    },
}


def make_kinds(digits, path):
    """Return rows of each kind, on the scale of the digits, from -1 to 1."""
    generator = torch.Generator().manual_seed(0)
    order = torch.rand(digits.shape, generator=generator).argsort(1)
    kinds = {"digits": digits, "shuffled digits": digits.gather(1, order)}
    if path is not None:
        kinds["CIFAR-10"] = grey_images(path)
    noise = torch.rand(digits.shape, generator=generator)
    return kinds | {"noise": 2 * noise - 1}


def grey_images(path):
    """Return the images of CIFAR-10 in grey, on the scale of the digits."""
    with np.load(path) as file:
        colours = torch.tensor(file["X"], dtype=torch.float32) / 127.5 - 1
    grey = colours @ torch.tensor([0.299, 0.587, 0.114])
    small = torch.nn.functional.interpolate(
        grey.unsqueeze(1), size=28, mode="bilinear", antialias=True
    )
    return small.flatten(1)


def score(network, offset, rows):
    """Return log mean_y exp T, max_y T and whether T > 0, row by row."""
    with torch.no_grad():
        scores = network(rows).double() - offset
    level = torch.logsumexp(scores, 1) - math.log(scores.shape[1])
    return [part.numpy() for part in (level, scores.max(1).values, scores > 0)]


def measure(name, weight, data, kinds, seed, options):
    """Return figures (kinds, 4) of one critic."""
    network, baseline, _ = labels.fit("supervised", name, weight, data, seed, options)
    offset = baseline.item() + labels.OPTIMUM.get(name, 0.0)
    found = [score(network, offset, rows) for rows in kinds.values()]
    level, largest, _ = found[0]
    return [
        [np.median(u), likely.mean(), area(largest, top), area(level, u)]
        for u, top, likely in found
    ]


def area(own, other):
    """Return the area under the ROC curve of digits, which should score higher."""
    return roc_auc_score(np.repeat([1, 0], [len(own), len(other)]), [*own, *other])


def draw_picture(table, path):
    """Draw the median of u by loss, plain and regularised, a marker for each kind."""
    picture, axes = harness.figure(2, "log mean exp T: 0 for a calibrated critic")
    for axis, weight in zip(axes, (0.0, table[-1]["drift_weight"]), strict=True):
        for kind in dict.fromkeys(row["rows"] for row in table):
            key = kind, weight
            own = [row for row in table if (row["rows"], row["drift_weight"]) == key]
            medians, spreads = (
                [float(row[key]) for row in own] for key in ("u", "u_spread")
            )
            names = [row["loss"] for row in own]
            axis.errorbar(names, medians, spreads, fmt="o", ms=4, label=kind)
        axis.axhline(0, color="black", lw=0.8)
        axis.set_yscale("symlog")
        axis.set_title("regularised" if weight else "as published")
        axis.tick_params("x", rotation=60)
    axes[0].set_ylabel("median of u(x), nats")
    axes[0].legend(fontsize=6)
    picture.savefig(path, dpi=120)


def main():
    """Train with each loss and its twin; write the table and the picture."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--strange", type=Path, help="an .npz file of CIFAR-10")
    parser.add_argument("--rows", type=int, default=2000)
    parser.add_argument("--seeds", type=int, default=5)
    parser.add_argument("--first-seed", type=int, default=0)
    parser.add_argument("--epochs", type=int, default=30)
    parser.add_argument("--batch-size", type=int, default=100)
    parser.add_argument("--weight", type=float, default=0.1)
    options = tables.parse(parser, BENCHMARK)
    options.scale = 1.0
    torch.set_num_threads(1)
    data, table = labels.load(options.data, options.rows), []
    kinds = make_kinds(data[2], options.strange)
    seeds = range(options.first_seed, options.first_seed + options.seeds)
    for name in labels.LOSSES:
        for weight in (0.0, options.weight):
            found = [measure(name, weight, data, kinds, s, options) for s in seeds]
            means, spreads = np.mean(found, 0), np.std(found, 0)
            for kind, mean, spread in zip(kinds, means, spreads, strict=True):
                row = {"loss": name, "drift_weight": weight, "rows": kind}
                keys = ("u", "share_likely", "auroc_max", "auroc_u")
                for key, *pair in zip(keys, mean, spread, strict=True):
                    row[key], row[f"{key}_spread"] = (f"{v:.3f}" for v in pair)
                table.append(row | {"epochs": options.epochs, "seeds": options.seeds})
                print(table[-1], flush=True)
            tables.write_table(options.out, table)
    draw_picture(table, options.out.with_suffix(".png"))


if __name__ == "__main__":
    main()
