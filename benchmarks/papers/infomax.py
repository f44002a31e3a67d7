"""Deep InfoMax as a transformer: accuracy of probes on conv, fc and the codes Y.

    python -m benchmarks run infomax

The encoder has three strided convolutions (channels 64, 128, 256 over `--shrink`),
one full layer and linear codes Y of 64 columns. It is trained by MIGE, JSD and
InfoNCE, each with and without prior matching, all for the same epochs on the same
rows; a probe of one hidden layer of 200 units is then trained on the flattened last
convolution, on the full layer and on Y. Every run is added to `--runs` as it ends and
is not made again; `--out` holds one row for each objective: the mean test accuracy
over seeds, its spread, and what is lost from conv to Y. The data is an .npz file with
X_train, y_train, X_test, y_test (MNIST) or X, y (CIFAR-10; the test file by `--test`).
"""

import argparse
import itertools
import warnings
from pathlib import Path

import numpy as np
import torch
from sklearn.neural_network import MLPClassifier
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler
from torch import nn

from benchmarks import tables
from benchmarks.data import load_mnist
from skmi import InfoMaxEncoder

BENCHMARK = {
    "data": "MNIST",
    "tables": {
        "infomax": {
            "small": "--rows 100 --test-rows 50 --epochs 1 --probe-epochs 1"
            " --shrink 16 --seeds 1 --data digits",
            "cpu": "--rows 10000 --epochs 20 --shrink 4 --seeds 3",
        },
    },
}
OBJECTIVES = [
    ("mige", 0.0),
    ("mige", 1.0),
    ("jsd", 0.0),
    ("jsd", 1.0),
    ("infonce", 0.0),
    ("infonce", 1.0),
]
LAYERS = ("conv", "fc", "Y")
N_CODES = 64


class Encoder(nn.Module):
    """Three strided convolutions, a full layer and linear codes."""

    def __init__(self, channels, size, shrink):
        super().__init__()
        widths = [channels, *(width // shrink for width in (64, 128, 256))]
        blocks = []
        for n_inputs, n_outputs in itertools.pairwise(widths):
            blocks += [
                nn.Conv2d(n_inputs, n_outputs, 4, stride=2, padding=1),
                nn.BatchNorm2d(n_outputs),
                nn.ReLU(),
            ]
        n_flat = widths[-1] * (size // 8) ** 2
        self.conv = nn.Sequential(
            nn.Unflatten(1, (channels, size, size)), *blocks, nn.Flatten()
        )
        n_full = 1024 // shrink
        self.full = nn.Sequential(
            nn.Linear(n_flat, n_full), nn.BatchNorm1d(n_full), nn.ReLU()
        )
        self.codes = nn.Linear(n_full, N_CODES)

    def forward(self, x):
        """Return the codes of flat images."""
        return self.codes(self.full(self.conv(x)))


def load(path, test_path, rows, test_rows, seed):
    """Return flat images in [0, 1] and labels, for training and test."""
    if test_path is None:
        parts = load_mnist(path)
    else:
        with np.load(path) as data, np.load(test_path) as test:
            parts = [data["X"], data["y"], test["X"], test["y"]]
    order = np.random.RandomState(seed).permutation(len(parts[0]))[:rows]
    images = [parts[0][order], parts[2][:test_rows]]
    labels = [parts[1][order], parts[3][:test_rows]]
    flat = []
    for block in images:
        block = block.reshape(len(block), *block.shape[1:3], -1).transpose(0, 3, 1, 2)
        pad = (32 - block.shape[-1]) // 2  # to 32 x 32
        block = np.pad(block, ((0, 0), (0, 0), (pad, pad), (pad, pad)))
        flat.append(block.reshape(len(block), -1) / 255)
    return *flat, *labels, parts[0].ndim > 3


def layers_of(model, X):
    """Return conv, fc and Y of rows."""
    encoder = model.encoder_
    with torch.no_grad():
        rows = torch.from_numpy(model._trained.scaler.transform(X)).float()
        conv = encoder.conv(rows)
        full = encoder.full(conv)
        values = conv, full, encoder.codes(full)
    return {name: v.numpy() for name, v in zip(LAYERS, values, strict=True)}


def run(objective, weight, seed, options):
    """Train once; return the accuracy of the probe on each layer."""
    X, X_test, y, y_test, colour = load(
        options.data, options.test, options.rows, options.test_rows, seed
    )
    channels = 3 if colour else 1
    with torch.random.fork_rng():
        torch.manual_seed(seed)
        encoder = Encoder(channels, 32, options.shrink)
    model = InfoMaxEncoder(
        n_components=N_CODES,
        objective=objective,
        prior_matching=weight,
        encoder=encoder,
        max_iter=options.epochs,
        early_stopping=False,
        learning_rate_init=1e-3,
        random_state=seed,
    )
    model.fit(X)
    train, test = layers_of(model, X), layers_of(model, X_test)
    accuracy = {}
    for name in train:
        probe = make_pipeline(
            StandardScaler(),
            MLPClassifier((200,), max_iter=options.probe_epochs, random_state=seed),
        )
        accuracy[name] = probe.fit(train[name], y).score(test[name], y_test)
    return accuracy


def settings_of(objective, weight, seed, options):
    """Return what a run is known by, as the file holds it."""
    names = ("rows", "test_rows", "epochs", "probe_epochs", "shrink")
    line = {"data": Path(options.data).stem, "objective": objective}
    line |= {"prior_matching": weight, "seed": seed}
    line |= {name: getattr(options, name) for name in names}
    return {name: str(value) for name, value in line.items()}


def summarise(runs):
    """Return one line for each objective of equal settings."""
    known = ("data", "objective", "prior_matching", "rows", "epochs", "shrink")
    groups = {}
    for line in runs:
        groups.setdefault(tuple(line[name] for name in known), []).append(line)
    lines = []
    for key, group in groups.items():
        line = dict(zip(known, key, strict=True)) | {"seeds": len(group)}
        found = {name: np.array([float(run[name]) for run in group]) for name in LAYERS}
        lost = found["conv"] - found["Y"]
        for name, values in (found | {"conv_minus_Y": lost}).items():
            line[name] = f"{values.mean():.4f}"
            line[f"{name}_spread"] = f"{values.std():.4f}"
        lines.append(line)
    return sorted(lines, key=lambda line: (line["data"], line["rows"]))


def main():
    """Make the runs that are missing and write both tables."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--test")
    parser.add_argument("--rows", type=int, default=10000)
    parser.add_argument("--test-rows", type=int, default=5000)
    parser.add_argument("--epochs", type=int, default=20)
    parser.add_argument("--probe-epochs", type=int, default=20)
    parser.add_argument("--shrink", type=int, default=4)
    parser.add_argument("--seeds", type=int, default=3)
    parser.add_argument("--first-seed", type=int, default=0)
    parser.add_argument("--runs", type=Path, help="the table of single runs")
    options = tables.parse(parser, BENCHMARK)
    options.runs = options.runs or options.out.with_name("infomax_runs.csv")
    warnings.simplefilter("ignore")  # probes are stopped on purpose
    torch.set_num_threads(1)
    seeds = range(options.first_seed, options.first_seed + options.seeds)
    runs = tables.kept_rows(options.runs)
    for seed, (objective, weight) in itertools.product(seeds, OBJECTIVES):
        line = settings_of(objective, weight, seed, options)
        if any(line.items() <= made.items() for made in runs):
            continue
        accuracy = run(objective, weight, seed, options)
        line |= {name: f"{value:.4f}" for name, value in accuracy.items()}
        print(*line.values(), sep="  ", flush=True)
        runs.append(line)
        tables.write_table(options.runs, runs)
        tables.write_table(options.out, summarise(runs))


if __name__ == "__main__":
    main()
