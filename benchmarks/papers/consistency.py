"""Self-consistency tests of mutual information on images (Song & Ermon 2020).

    python -m benchmarks run consistency

X is an MNIST image of 14 by 14 pixels and Y its first t rows of pixels. Three ratios,
for t = 0 a value in nats: "share", I(X; Y_t) over I(X; X), which must grow from 0 to 1;
"processing", I([X, X]; [Y_t, Y_(t-2)]) over I(X; Y_t), which must be 1; "addition",
I([X1, X2]; [Y1, Y2]) of two unlike images over I(X; Y_t), which must be 2. Mean and
spread over seeds, which draw the images too.
"""

import argparse
import warnings

import numpy as np
import torch

import skmi
from benchmarks import tables
from benchmarks.data import load_mnist

BENCHMARK = {
    "data": "MNIST",
    "tables": {
        "consistency": {
            "small": "--rows 100 --seeds 1 --estimators InfoNCE --data digits",
            "cpu": "--rows 2000 --seeds 1",
        },
    },
}
SIDE = 14
NAMES = ("InfoNCE", "NWJ", "SMILE", "MINE", "DifferenceOfEntropies")


def load(source, n_rows, seed):
    """Return images (n, 14, 14) of grey values from 0 to 1, and n others."""
    images = load_mnist(source)[0]
    order = np.random.RandomState(seed).permutation(len(images))[: 2 * n_rows]
    small = images[order].reshape(-1, SIDE, 2, SIDE, 2).mean(axis=(2, 4)) / 255
    return small[:n_rows], small[n_rows:]


def first(images, n_pixel_rows):
    """Return images with all but their first rows of pixels black, flat."""
    kept = images.copy()
    kept[:, n_pixel_rows:] = 0
    return kept.reshape(len(images), -1)


def estimate(name, X, Y, seed):
    """Return the estimate in nats."""
    model = getattr(skmi, name)(random_state=seed, max_iter=60)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", skmi.SkmiWarning)
        return model.fit(X, Y).mutual_info_


def measure(name, images, others, seed):
    """Yield (rule, rows of pixels, figure)."""
    X = first(images, SIDE)
    pairs = np.hstack([X, X]), np.hstack([X, first(others, SIDE)])
    whole = estimate(name, X, X, seed)
    for t in (0, 4, 7, 10):
        own = estimate(name, X, first(images, t), seed)
        yield "share" if t else "nothing (nats)", t, own / whole if t else own
        if t < 7:
            continue
        kept = np.hstack([first(images, t), first(images, t - 2)])
        yield "processing", t, estimate(name, pairs[0], kept, seed) / own
        kept = np.hstack([first(images, t), first(others, t)])
        yield "addition", t, estimate(name, pairs[1], kept, seed) / own


def main():
    """Run all estimators and write the table."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--rows", type=int, default=5000)
    parser.add_argument("--seeds", type=int, default=3)
    parser.add_argument("--first-seed", type=int, default=0)
    parser.add_argument("--estimators", nargs="+", default=NAMES)
    options = tables.parse(parser, BENCHMARK)
    torch.set_num_threads(1)
    seeds = range(options.first_seed, options.first_seed + options.seeds)
    draws = [(*load(options.data, options.rows, seed), seed) for seed in seeds]
    table = []
    for name in options.estimators:
        for cases in zip(*(measure(name, *draw) for draw in draws), strict=True):
            rule, t, _ = cases[0]
            figures = [case[-1] for case in cases]
            table.append(
                {
                    "estimator": name,
                    "rule": rule,
                    "pixel_rows": t,
                    "figure": f"{np.mean(figures):.3f}",
                    "spread": f"{np.std(figures):.3f}",
                    "rows": options.rows,
                    "seeds": options.seeds,
                }
            )
            print(table[-1], flush=True)
            tables.write_table(options.out, table)


if __name__ == "__main__":
    main()
