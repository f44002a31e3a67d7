"""The information bottleneck on permutation-invariant MNIST, after the DVB paper.

    python -m benchmarks run bottleneck_selection
    python -m benchmarks run bottleneck
    python -m benchmarks run bottleneck_by_entropy
    python -m benchmarks run bottleneck_strange

All networks are 784-1024-1024-2K with ReLU and one linear layer from the K codes to the
digits; those without a bottleneck have K codes without noise. Pixels come in their own
units up to one factor, and the rate of learning falls to 0 over the epochs. `select`
draws training rows by seeds that no other part uses and measures each method's settings
on other training rows; the least mean error is the one chosen, or the least mean
cross-entropy where probabilities are to be trusted. `compare` takes what is chosen,
trains five seeds and tests them; a difference is called significant where both
the test over seeds and that over test rows say so, after Holm. `strange` tells test
digits from the same digits with shuffled pixels, by the rate and by the largest
probability. The size for a CPU is 10,000 rows and 20 epochs; `--size gpu` is all 60,000
rows, five minutes a fit where matrix products of bfloat16 are quick: they are
used wherever the machine has them.
"""

import argparse
import copy
import functools
import itertools
import time
import warnings

import numpy as np
import torch
from scipy import stats
from sklearn.metrics import roc_auc_score
from torch import nn

from benchmarks import tables
from benchmarks.data import load_mnist
from skmi import IBEncoder
from skmi._core.sklearn_compat import make_random_state
from skmi._core.torch_utils import make_generator, resolve_device, to_tensor
from skmi._data.scaling import Scaler
from skmi.bottleneck.network import TwoHeads
from skmi.critics._layers import Linear, MultiLayer
from skmi.training.loop import Training
from skmi.training.schedule import Schedule

BENCHMARK = {
    "data": "MNIST",
    "tables": {
        "bottleneck_selection": {
            "small": "select --seeds 1 --epochs 1 --methods DVB --weights 0.001"
            " --data digits",
            "cpu": "select",
            "gpu": "select",
        },
        "bottleneck": {
            "small": "compare --seeds 1 --methods DVB --data digits",
            "cpu": "compare",
            "gpu": "compare",
        },
        "bottleneck_by_entropy": {
            "small": "compare --measure cross_entropy --seeds 1 --methods DVB"
            " --data digits",
            "cpu": "compare --measure cross_entropy --methods DVB 'DVB,"
            " additive noise'",
        },
        "bottleneck_strange": {
            "small": "strange --seeds 1 --weights 0.001 --data digits",
            "cpu": "strange --seeds 3",
        },
    },
}
DATA = "openml"
SIZES = {
    "small": {
        "rows": 500,
        "max_iter": 2,
        "n_components": 8,
    },
    "cpu": {
        "rows": 10_000,
        "max_iter": 20,
        "n_components": 32,
    },
    "full": {
        "rows": 60_000,
        "max_iter": 60,
        "n_components": 256,
    },
}
TRAINING = {
    "batch_size": 256,
    "learning_rate": "cosine",
    "learning_rate_init": 5e-4,
    "early_stopping": False,
    "n_negatives": 4,
}
SEEDS = range(20, 25)
SELECTION_SEEDS = range(100, 103)
HIDDEN = (1024, 1024)
BETAS = (1e-3, 1e-2, 1e-1)
SCALES = (0.3, 1.0)
PLAIN = "no bottleneck"
METHODS = {  # name: what it is made of, weights and scales of noise to choose from
    PLAIN: ({}, [0.0], [""]),
    "dropout": ({"regularizer": "dropout"}, [0.2, 0.5], [""]),
    "confidence penalty": ({"regularizer": "penalty"}, [0.03, 0.1, 0.3], [""]),
    "label smoothing": ({"regularizer": "smoothing"}, [0.03, 0.1, 0.2], [""]),
    "DVB": ({"information": "variational"}, BETAS, [""]),
    "DVB, additive noise": ({"information": "variational"}, BETAS[:2], SCALES),
    "MINE, gaussian noise": ({"information": "mine"}, BETAS[:2], [""]),
    "MINE, additive noise": ({"information": "mine"}, BETAS[:2], SCALES),
    "MINE, propagated noise": ({"information": "mine"}, BETAS[:2], [""]),
    "MIGE, gaussian noise": ({"information": "mige"}, BETAS, [""]),
}
ORDER = {method: place for place, method in enumerate(METHODS)}


class Pixels(nn.Module):
    """Columns in units of their own again, but for one factor, before a network.

    Standardised, a pixel that is hardly ever on would weigh as much as any other.
    """

    def __init__(self, scale, network):
        super().__init__()
        self.register_buffer("scale", scale)
        self.network = network

    @classmethod
    def encoder(cls, scale, has_density, n_inputs, n_components):
        """Return an encoder; columns of noise after the pixels stay as they are."""
        kind = TwoHeads if has_density else MultiLayer
        n_outputs = n_components * (2 if has_density else 1)
        generator = torch.Generator().manual_seed(int(torch.randint(2**31, (1,))))
        network = kind((n_inputs, *HIDDEN, n_outputs), "relu", (), generator)
        noise = torch.ones(n_inputs - len(scale))
        return cls(torch.cat([scale, noise]), network)

    def forward(self, x):
        """Return what the network returns."""
        return self.network(self.scale * x)


class PlainNetwork(nn.Module):
    """The same layers without noise, and the usual ways to keep them from certainty."""

    draws_at_random = True

    def __init__(self, scale, sizes, n_classes, regularizer, weight, generator):
        super().__init__()
        self.register_buffer("scale", scale)
        self.encoder = MultiLayer(sizes, "relu", (), generator)
        self.decoder = Linear(sizes[-1], n_classes, (), generator)
        self.regularizer, self.weight = regularizer, weight

    def logits(self, x):
        """Return logits, with units dropped in training where that is asked for."""
        x = self.scale * x
        for layer in self.encoder.layers[:-1]:
            x = torch.relu(layer(x))
            if self.regularizer == "dropout":
                x = nn.functional.dropout(x, self.weight, self.training)
        return self.decoder(self.encoder.layers[-1](x))

    def forward(self, x, y, partners):
        """Return what each row adds to the objective."""
        log_p = torch.log_softmax(self.logits(x[0]), -1)
        y = y[0]
        if self.regularizer == "smoothing" and self.training:
            y = (1 - self.weight) * y + self.weight / y.shape[-1]
        value = (y * log_p).sum(-1)
        if self.regularizer == "penalty" and self.training:
            value = value - self.weight * (log_p.exp() * log_p).sum(-1)
        return value.reshape(1, -1, 1)


class Plain:
    """A classifier by the plain network and the library's own loop."""

    def __init__(self, scale, regularizer=None, weight=0.0, random_state=0, **settings):
        self.scale = scale
        self.regularizer, self.weight = regularizer, weight
        self.random_state, self.settings = random_state, settings

    def fit(self, X, y):
        """Train, and keep the last epoch."""
        random_state = make_random_state(self.random_state)
        generator = make_generator(random_state)
        self.scaler = Scaler.fit(X)
        device = resolve_device("auto")
        x = to_tensor(self.scaler.transform(X), device, torch.float32).unsqueeze(0)
        target = to_tensor(np.eye(10)[y], device, torch.float32).unsqueeze(0)
        sizes = X.shape[1], *HIDDEN, self.settings["n_components"]
        network = PlainNetwork(
            self.scale, sizes, 10, self.regularizer, self.weight, generator
        )
        rows = torch.arange(len(X)).unsqueeze(0)
        defaults = IBEncoder().get_params() | self.settings
        names = Schedule.__annotations__.keys() & defaults.keys()
        training = Training(
            network,
            lambda scores: scores[0].mean(-1),
            x,
            target,
            train_rows=rows,
            stop_rows=rows[:, :0],
            schedule=Schedule(**{name: defaults[name] for name in names}),
            generator=generator,
            extract=lambda network, i: copy.deepcopy(network).cpu().eval(),
        )
        while training.epoch < self.settings["max_iter"] and not training.finished:
            training.run_epoch()
        self.network = training.best[0]
        return self

    @torch.no_grad()
    def predict_proba(self, X):
        """Return the probabilities of the digits."""
        network = copy.deepcopy(self.network).double()
        blocks = torch.from_numpy(self.scaler.transform(X)).split(1024)
        logits = torch.cat([network.logits(block) for block in blocks])
        return torch.softmax(logits, -1).numpy()


def make_model(X, method, setting, size, seed):
    """Return an unfitted model of the benchmark, which is to see these rows."""
    settings = {name: value for name, value in SIZES[size].items() if name != "rows"}
    weight, noise_scale, epochs = setting
    settings |= TRAINING | {"max_iter": epochs}
    parts, _, _ = METHODS[method]
    spread = torch.tensor(X.std(axis=0), dtype=torch.float32)
    spread = spread / spread.square().mean().sqrt()
    if "information" not in parts:
        return Plain(spread, **parts, weight=weight, random_state=seed, **settings)
    noise = method.partition(", ")[2].partition(" ")[0] or "gaussian"
    has_density = noise == "gaussian" or parts["information"] == "variational"
    if noise_scale:
        settings["noise_scale"] = float(noise_scale)
    return IBEncoder(
        **parts,
        noise=noise,
        beta=weight,
        encoder=functools.partial(Pixels.encoder, spread, has_density),
        test_size=2,
        random_state=seed,
        **settings,
    )


def load(size, seed):
    """Return training rows drawn by a seed, other training rows, and the test rows."""
    images, y, test_images, test_y = load_mnist(DATA)
    X, y = images.reshape(len(images), -1) / 255, y.astype(int)
    test = test_images.reshape(len(test_images), -1) / 255, test_y.astype(int)
    order = np.random.RandomState(seed).permutation(len(X))
    n_rows = SIZES[size]["rows"]
    if seed in SELECTION_SEEDS:
        n_rows = min(n_rows, len(X) - min(5000, len(X) // 4))
    train, rest = order[:n_rows], order[n_rows:][:5000]
    return (X[train], y[train]), (X[rest], y[rest]), test


def calibration_error(probabilities, y, n_bins=15):
    """Return the expected calibration error, bins of equal width."""
    surest, right = probabilities.max(axis=1), probabilities.argmax(axis=1) == y
    bins = np.minimum((surest * n_bins).astype(int), n_bins - 1)
    gaps = np.bincount(bins, surest - right, n_bins)
    return np.abs(gaps).sum() / len(y)


SETTINGS = ("size", "method", "weight", "noise_scale", "epochs", "beta", "seed")


def append(path, line):
    """Add a line to a table, in the place of one of the same settings, and print it."""
    same = {key: str(line[key]) for key in SETTINGS if key in line}.items()
    there = tables.read_table(path) if path.exists() else []
    there = [row for row in there if not same <= row.items()]
    tables.write_table(path, [*there, line])
    print(*line.values(), sep="  ", flush=True)


def select(options):
    """Measure each method's weights and epochs on rows that do not train."""
    for method in options.methods or METHODS:
        _, weights, scales = METHODS[method]
        weights, scales = options.weights or weights, options.scales or scales
        seeds = SELECTION_SEEDS[: options.seeds]
        epochs = options.epochs or SIZES[options.size]["max_iter"]
        for weight, scale, seed in itertools.product(weights, scales, seeds):
            train, other, _ = load(options.size, seed)
            start = time.process_time()
            model = make_model(
                train[0], method, (weight, scale, epochs), options.size, seed
            )
            probabilities = model.fit(*train).predict_proba(other[0])
            line = {
                "size": options.size,
                "method": method,
                "weight": weight,
                "noise_scale": scale,
                "epochs": epochs,
                "seed": seed,
                "validation_error": np.mean(probabilities.argmax(1) != other[1]),
                "cross_entropy": f"{cross_entropy(probabilities, other[1]):.4f}",
                "cpu_seconds": f"{time.process_time() - start:.0f}",
            }
            append(options.out.with_name("bottleneck_selection.csv"), line)


def cross_entropy(probabilities, y):
    """Return the mean of minus the log probability of the label."""
    return -np.log(probabilities[np.arange(len(y)), y]).mean()


def chosen_settings(size, measure):
    """Return each method's weight, noise and epochs that are best on other rows."""
    lines = tables.read_table(tables.RESULTS / "bottleneck_selection.csv")
    size = "cpu" if size == "small" else size
    lines = [line for line in lines if line["size"] == size]
    errors = {}
    for line in lines:
        setting = float(line["weight"]), line["noise_scale"], int(line["epochs"])
        found = errors.setdefault(line["method"], {}).setdefault(setting, [])
        found.append(float(line[measure]))
    return {
        method: min(found, key=lambda setting: np.mean(found[setting]))
        for method, found in sorted(errors.items(), key=lambda item: ORDER[item[0]])
    }


def compare(options):
    """Train five seeds at the chosen settings, test each, and write the table."""
    chosen, wrong, others = chosen_settings(options.size, options.measure), {}, {}
    wanted = {*(options.methods or METHODS)}
    wanted |= {PLAIN} if options.size != "full" else set()
    for method in filter(wanted.__contains__, chosen):
        for seed in SEEDS[options.skip :][: options.seeds]:
            train, _, (X, y) = load(options.size, seed)
            model = make_model(
                train[0], method, chosen[method], options.size, seed
            ).fit(*train)
            probabilities = model.predict_proba(X)
            wrong.setdefault(method, []).append(probabilities.argmax(1) != y)
            found = calibration_error(probabilities, y), cross_entropy(probabilities, y)
            others.setdefault(method, []).append(found)
            line = {
                "size": options.size,
                "method": method,
                "weight": chosen[method][0],
                "noise_scale": chosen[method][1],
                "epochs": chosen[method][2],
                "seed": seed,
                "error": wrong[method][-1].mean(),
                "ece": f"{found[0]:.4f}",
            }
            append(options.out.with_name("bottleneck_runs.csv"), line)
        if options.size != "full":
            write_comparison(options, chosen, wrong, others)  # as far as it goes


def write_comparison(options, chosen, wrong, others):
    """Write the lines of these methods into the table, and which differences stand."""
    lines, path = {}, options.out
    if path.exists():
        lines = {line["method"]: line for line in tables.read_table(path)}
    for method in wrong:
        lines[method] = describe(method, chosen[method], wrong, others[method])
    pvalues = {
        method: max(float(line["p_seeds"]), float(line["p_rows"]))
        for method, line in lines.items()
        if line["p_seeds"]
    }
    significant = holm(pvalues)
    for method, line in lines.items():
        line["significant"] = "yes" if method in significant else "no"
    rows = [lines[method] for method in METHODS if method in lines]
    tables.write_table(path, rows)


def describe(method, setting, wrong, others):
    """Return error, calibration and how the error differs from the plain network's."""
    errors = np.array(wrong[method], dtype=float)
    gap = errors - np.array(wrong[PLAIN], dtype=float)
    rate, n_rows = errors.mean(), errors.shape[1]
    by_seed = by_row = ""
    if gap.any():
        by_seed, by_row = (
            f"{stats.ttest_1samp(gap.mean(axis), 0).pvalue:.2g}" for axis in (1, 0)
        )
    ece, entropy = np.mean(others, axis=0)
    return {
        "method": method,
        "weight": setting[0],
        "noise_scale": setting[1],
        "seeds": len(errors),
        "error_percent": f"{100 * rate:.2f}",
        "binomial_se": f"{100 * np.sqrt(rate * (1 - rate) / n_rows):.2f}",
        "seed_sd": f"{100 * errors.mean(1).std(ddof=1):.2f}",
        "minus_plain": f"{100 * gap.mean():.2f}",
        "p_seeds": by_seed,
        "p_rows": by_row,
        "ece_percent": f"{100 * ece:.2f}",
        "cross_entropy": f"{entropy:.4f}",
    }


def holm(pvalues, level=0.05):
    """Return the names that stand at a family-wise level."""
    names, kept = sorted(pvalues, key=pvalues.get), []
    for rank, name in enumerate(names):
        if pvalues[name] > level / (len(names) - rank):
            break
        kept.append(name)
    return kept


def strange(options):
    """Tell digits from the same digits with shuffled pixels, over beta."""
    for seed in range(options.seeds):
        train, _, (X, y) = load(options.size, seed)
        shuffled = np.random.default_rng(seed).permuted(X, axis=1)
        known = np.repeat([0, 1], len(X))
        for beta in options.weights or (1e-3, 1e-2, 1e-1, 0.3):
            setting = beta, "", SIZES[options.size]["max_iter"]
            model = make_model(train[0], "DVB", setting, options.size, seed)
            model.fit(*train)
            both = np.vstack([X, shuffled])
            sure = model.predict_proba(both).max(axis=1)
            rates = -model.score_samples(both)
            line = {
                "beta": beta,
                "seed": seed,
                "error_percent": f"{100 * (1 - model.score(X, y)):.2f}",
                "rate": f"{rates[: len(X)].mean():.2f}",
                "rate_shuffled": f"{rates[len(X) :].mean():.2f}",
                "mutual_info": f"{model.mutual_info(X, y):.3f}",
                "auroc_rate": f"{roc_auc_score(known, rates):.4f}",
                "auroc_max_probability": f"{roc_auc_score(known, -sure):.4f}",
            }
            append(options.out, line)


def main():
    """Run one part."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("part", choices=["select", "compare", "strange"])
    parser.add_argument("--weights", nargs="+", type=float)
    parser.add_argument("--scales", nargs="+", type=float)
    parser.add_argument("--methods", nargs="+", choices=list(METHODS))
    parser.add_argument("--seeds", type=int, default=5)
    parser.add_argument("--skip", type=int, default=0, help="seeds not to run")
    parser.add_argument("--epochs", type=int)
    measures = ["validation_error", "cross_entropy"]
    parser.add_argument("--measure", choices=measures, default=measures[0])
    options = tables.parse(parser, BENCHMARK)
    options.size = {"gpu": "full"}.get(options.size, options.size)
    globals()["DATA"] = options.data
    warnings.simplefilter("ignore")  # a weight that is too large is found out by error
    torch.set_num_threads(1)
    torch.set_float32_matmul_precision("medium")
    globals()[options.part](options)


if __name__ == "__main__":
    main()
