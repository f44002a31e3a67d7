r"""Classifiers trained by bounds of mutual information, as by Choi & Lee (2022).

    python -m benchmarks run labels_supervised
    python -m benchmarks run labels_contrastive
    python -m benchmarks run labels_contrastive_scaled
    python -m benchmarks run labels_weights

Each row has one of ten labels, as many of each, so that I(X; Y) = H(Y) = log 10 =
2.3026 nats. "supervised" (their SLB) scores a row and a label by the logit of that
label; all pairs of rows and labels of a batch are the independent ones. "contrastive"
(their CLB) scores two rows by the inner product of their codes, 512 numbers that
nothing normalises; pairs of one label are the joint ones. Six bounds and their
regularised twins, by Adam. A penalty holds the log-partition in place, for InfoNCE that
of the rows in the mean; for JensenShannon it draws the mean softplus of the independent
pairs to 1, as published. The twins of NWJ and TUBA clip their scores to 10, but for the
penalty. With ``--scale 9`` the products of the untrained network are as large as those
of an untrained ResNet-18 on CIFAR-10 images, about 315.

One row for each loss: the mean over seeds of the value on the batches of the last
epoch, of the accuracy on test rows (largest logit, or the label of the training row
with the largest product), their spreads, the p-value of a paired t-test of the accuracy
against the twin, and how many seeds became infinite. JensenShannon is reported with its
critic moved by one, and as published without, where its best value is lower by 1/e.

The loops are those of any torch project, and the losses come from ``skmi.bounds``.
"""

import argparse
import itertools
import math
import time

import numpy as np
import torch
from scipy.stats import ttest_rel
from torch import nn

from benchmarks import tables
from benchmarks.data import load_mnist
from skmi import bounds

BENCHMARK = {
    "data": "MNIST",
    "tables": {
        "labels_supervised": {
            "small": "supervised --rows 200 --epochs 1 --seeds 1 --data digits",
            "cpu": "supervised --rows 2000 --epochs 60",
        },
        "labels_contrastive": {
            "small": "contrastive --rows 200 --epochs 1 --seeds 1 --data digits",
            "cpu": "contrastive --rows 2000 --epochs 30",
        },
        "labels_contrastive_scaled": {
            "small": "contrastive --rows 200 --epochs 1 --seeds 1 --data digits"
            " --scale 9 --weight .001",
            "cpu": "contrastive --rows 2000 --epochs 30 --scale 9 --weight .001",
        },
        "labels_weights": {
            "small": "contrastive --rows 200 --epochs 1 --seeds 1 --data digits "
            "--losses MINE --weight .01 .1",
            "cpu": "contrastive --rows 2000 --epochs 30 --losses MINE "
            "--weight .001 .01 .1",
        },
    },
}
LOSSES = ("MINE", "SMILE", "InfoNCE", "NWJ", "TUBA", "JensenShannon")
OPTIMUM = {"NWJ": 1.0}  # log-partition of the best critic, where it is not 0
TARGET = {**OPTIMUM, "JensenShannon": 1.0}  # of the penalty, as published
CLIP = 10.0
CLIPPED_TWINS = ("NWJ", "TUBA")  # the penalty alone sees their scores as they are


def value(name, joint, marginal, regularised):
    """Return the bound called `name` of scores (n,) and (n, k)."""
    marginal = marginal.flatten()
    if regularised and name in CLIPPED_TWINS:
        joint, marginal = (part.clamp(-CLIP, CLIP) for part in (joint, marginal))
    if name == "SMILE":
        return bounds.smile((joint.clamp(-CLIP, CLIP), marginal), CLIP)
    if name == "NWJ":
        return bounds.nwj((joint, marginal))
    if name == "TUBA":
        return bounds.tuba((joint, marginal))
    if name == "JensenShannon":
        return bounds.nwj((joint + 1, marginal + 1))
    return bounds.donsker_varadhan((joint, marginal))


def contrast_rows(joint, marginal, owners):
    """Return InfoNCE: each joint pair against the independent pairs of its own row."""
    return (joint - bounds.log_mean_exp(marginal)[owners]).mean()


def level_of(name, joint, marginal, owners):
    """Return what the penalty of a twin holds in place."""
    if name == "InfoNCE":
        return joint.mean() - contrast_rows(joint, marginal, owners)
    if name == "JensenShannon":
        return nn.functional.softplus(marginal).mean()
    return bounds.log_partition((joint, marginal.flatten()))


def objective(name, joint, marginal, owners, baseline, weight):
    """Return what training maximises, the value to report, and that as published."""
    joint, marginal = joint - baseline, marginal - baseline  # 0 but for TUBA
    if name == "InfoNCE":
        followed = estimate = published = contrast_rows(joint, marginal, owners)
    else:
        followed = estimate = published = value(name, joint, marginal, weight > 0)
    if name == "JensenShannon":
        followed = bounds.jensen_shannon((joint, marginal.flatten()))
        published = bounds.nwj((joint, marginal.flatten()))
    if weight:
        level = level_of(name, joint, marginal, owners)
        penalty = bounds.drift_penalty(level, TARGET.get(name, 0.0))
        followed = followed - weight * penalty
    return followed, estimate.detach(), published.detach()


def supervised_pairs(logits, labels):
    """Return scores of joint and of independent pairs of rows and labels."""
    rows = torch.arange(len(labels))
    return logits[rows, labels], logits, rows


def contrastive_pairs(codes, labels):
    """Return scores of pairs of one label, and of all pairs of two rows."""
    products = codes @ codes.T
    same = labels.unsqueeze(1) == labels
    same.fill_diagonal_(False)
    owners = same.nonzero()[:, 0]
    others = ~torch.eye(len(labels), dtype=torch.bool)
    return products[same], products[others].view(len(labels), -1), owners


PAIRS = {"supervised": supervised_pairs, "contrastive": contrastive_pairs}


def fit(kind, name, weight, data, seed, options):
    """Return a network, its baseline and the values of the last epoch, or None."""
    x, labels = data[:2]
    torch.manual_seed(seed)
    width = 10 if kind == "supervised" else 512
    sizes = (x.shape[1], 256, 256)
    layers = [
        nn.Sequential(nn.Linear(*pair), nn.ReLU()) for pair in itertools.pairwise(sizes)
    ]
    network = nn.Sequential(*layers, nn.Linear(256, width))
    baseline = nn.Parameter(torch.zeros(())) if name == "TUBA" else torch.zeros(())
    weights = [*network.parameters(), *([baseline] if name == "TUBA" else [])]
    optimizer = torch.optim.Adam(weights, lr=1e-3, fused=True)
    for _ in range(options.epochs):
        values = []
        for rows in torch.randperm(len(x)).split(options.batch_size):
            joint, marginal, owners = PAIRS[kind](
                network(x[rows]) * options.scale, labels[rows]
            )
            followed, *reported = objective(
                name, joint, marginal, owners, baseline, weight
            )
            if not followed.isfinite():
                return network, baseline, None
            optimizer.zero_grad()
            followed.neg().backward()
            optimizer.step()
            values.append(reported)
    return network, baseline, np.mean(values, axis=0)


def train(kind, name, weight, data, seed, options):
    """Return both values of the last epoch and the accuracy."""
    network, _, values = fit(kind, name, weight, data, seed, options)
    if values is None:
        return math.inf, math.inf, 0.1
    x, labels, test_x, test_labels = data
    with torch.no_grad():
        found = network(test_x)
        if kind == "supervised":
            guess = found.argmax(1)
        else:
            guess = labels[(found @ network(x).T).argmax(1)]
    return *values, float((guess == test_labels).double().mean())


def load(path, n_rows):
    """Return balanced training rows, and all test rows, with their labels."""
    x, y, test_x, test_y = load_mnist(path)
    rows = np.sort(
        np.concatenate([np.flatnonzero(y == k)[: n_rows // 10] for k in range(10)])
    )
    flat = (
        torch.tensor(part.reshape(len(part), -1), dtype=torch.float32) / 127.5 - 1
        for part in (x[rows], test_x)
    )
    x, test_x = flat
    return x, torch.tensor(y[rows]).long(), test_x, torch.tensor(test_y).long()


def main():
    """Train with each loss and its twin, and write the table."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("kind", choices=PAIRS)
    parser.add_argument("--rows", type=int, default=10000)
    parser.add_argument("--seeds", type=int, default=5)
    parser.add_argument("--first-seed", type=int, default=0)
    parser.add_argument("--epochs", type=int, default=10)
    parser.add_argument("--batch-size", type=int, default=100)
    parser.add_argument("--losses", nargs="+", default=LOSSES, choices=LOSSES)
    parser.add_argument("--weight", type=float, nargs="+", default=[0.1])
    parser.add_argument("--scale", type=float, default=1.0)
    options = tables.parse(parser, BENCHMARK)
    torch.set_num_threads(1)
    data, table = load(options.data, options.rows), []
    for name in options.losses:
        original = None
        for weight in (0.0, *options.weight):
            start = time.perf_counter()
            seeds = range(options.first_seed, options.first_seed + options.seeds)
            found = [train(options.kind, name, weight, data, s, options) for s in seeds]
            values, published, accuracy = np.array(found).T
            fine = np.isfinite(values)
            mean, spread, as_published = (
                [values[fine].mean(), values[fine].std(), published[fine].mean()]
                if fine.any()
                else [math.nan] * 3
            )
            table.append(
                {
                    "loss": name,
                    "drift_weight": weight,
                    "value": f"{mean:.4f}",
                    "value_spread": f"{spread:.4f}",
                    "value_as_published": f"{as_published:.4f}",
                    "accuracy": f"{accuracy.mean():.4f}",
                    "accuracy_spread": f"{accuracy.std():.4f}",
                    "paired_p": "",
                    "infinite": int((~fine).sum()),
                    "scale": options.scale,
                    "epochs": options.epochs,
                    "rows": len(data[0]),
                    "seeds": options.seeds,
                    "seconds": f"{(time.perf_counter() - start) / len(found):.1f}",
                }
            )
            if original is None:
                original = accuracy
            else:
                pvalue = ttest_rel(original, accuracy).pvalue
                table[-1]["paired_p"] = f"{pvalue:.3f}"
            print(table[-1], flush=True)
            tables.write_table(options.out, table)


if __name__ == "__main__":
    main()
