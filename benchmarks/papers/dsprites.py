"""Decoder-free representation of dSprites: information, smoothness, independence.

    python -m benchmarks run dsprites

Sprites are drawn anew from their factors (shape, scale, orientation, x, y); where
`--check` names the file of genuine frames, they are held against them first. Only the
images are seen in training. An encoder z = g(x) is trained by three terms:

- information: the Jensen-Shannon bound of I(z; x), by a separable critic of skmi;
- independence: minus the total correlation sum_i H(z_i) - H(z), whose gradient is made
  of score functions, so that neither a critic nor a decoder is needed;
- smoothness: minus the mean squared distance of the codes of an image and of the same
  image one pixel further, the codes having unit variance.

One row for each choice of terms: the correlation of the best code with x and with y,
the R2 of a linear read-out of x, y and scale from all codes, the mutual information gap
of x and y (what the best code tells about the factor less what the second best does,
over the entropy of the factor) and the total correlation of the codes as if they were
normal. Mean and spread over seeds, on sprites that did not train.
"""

import argparse
import itertools
from pathlib import Path

import numpy as np
import torch
from matplotlib.path import Path as Outline
from sklearn.linear_model import LinearRegression
from torch import nn

from benchmarks import tables
from skmi import HistogramMI, bounds
from skmi.critics import SeparableCritic
from skmi.scores import entropy_surrogate

BENCHMARK = {
    "data": "drawn",
    "tables": {
        "dsprites": {
            "small": "--rows 200 --epochs 1 --seeds 1",
            "cpu": "--seeds 3",
        },
    },
}
LEVELS = {"shape": 3, "scale": 6, "orientation": 40, "x": 32, "y": 32}
BATCH_SIZE = 64
READ = ("x", "y", "scale")
TERMS = {
    "information": (0.0, 0.0),
    "+ independence": (0.3, 0.0),
    "+ smoothness": (0.0, 5.0),
    "+ both": (0.3, 5.0),
}


def outlines():
    """Return the outlines of square, ellipse and heart, in pixels at scale 1."""
    square = 9.599 * np.array([[-1, -1], [1, -1], [1, 1], [-1, 1]])
    t = np.linspace(0, 2 * np.pi, 64, endpoint=False)
    ellipse = np.column_stack([12.78 * np.cos(t), 7.22 * np.sin(t)])
    t = np.linspace(0, 2 * np.pi, 150, endpoint=False)
    height = 13 * np.cos(t) - 5 * np.cos(2 * t) - 2 * np.cos(3 * t) - np.cos(4 * t)
    heart = np.column_stack([9.6 * np.sin(t) ** 3, -0.66225 * height - 1.44])
    return [Outline(points) for points in (square, ellipse, heart)]


def draw_sprites(factors):
    """Return images (n, 64, 64) of 0 and 1 of levels (n, 5), in the order of LEVELS."""
    shapes = outlines()
    rows, columns = np.mgrid[:64, :64] + 0.5  # centres of pixels
    images = np.zeros((len(factors), 64, 64), dtype=np.uint8)
    for image, (shape, scale, turn, x, y) in zip(images, factors, strict=True):
        size, angle = 0.5 + 0.1 * scale, 2 * np.pi * turn / 39
        right = columns - (16 + 32 * x / 31)
        down = rows - (16 + 32 * y / 31)
        near = (np.abs(right) < 16) & (np.abs(down) < 16)
        right, down = right[near], down[near]
        u = (np.cos(angle) * right - np.sin(angle) * down) / size
        v = (np.sin(angle) * right + np.cos(angle) * down) / size
        image[near] = shapes[shape].contains_points(np.column_stack([u, v]))
    return images


def draw_factors(n_samples, seed):
    """Return levels drawn uniformly and independently."""
    rng = np.random.RandomState(seed)
    return np.column_stack([rng.randint(n, size=n_samples) for n in LEVELS.values()])


def compare(path):
    """Return the share of genuine frames that are drawn to the pixel."""
    with np.load(path) as data:
        same = draw_sprites(data["gif_latents"]) == data["gif_frames"]
    return same.all((1, 2)).mean()


def to_rows(images):
    """Return images of half the size as float rows of about unit variance."""
    halves = torch.from_numpy(images).float().unfold(1, 2, 2).unfold(2, 2, 2)
    return 5 * halves.mean((-2, -1)).flatten(1)


def encode(network, rows):
    """Return codes of unit variance."""
    codes = network(rows)
    return (codes - codes.mean(0)) / (codes.std(0) + 1e-6)


def total_correlation(codes):
    """Return the surrogate of the total correlation; its gradient alone has meaning."""
    own = sum(entropy_surrogate(column) for column in codes.split(1, -1))
    return own - entropy_surrogate(codes)


def train(images, weights, seed, options):
    """Train an encoder without labels; return it."""
    independence, smoothness = weights
    rows = to_rows(images)
    ahead = [to_rows(np.roll(images, 1, axis)) for axis in (1, 2)]
    generator = torch.Generator().manual_seed(seed)
    with torch.random.fork_rng():
        torch.manual_seed(seed)
        network = nn.Sequential(
            nn.Linear(1024, 256), nn.SiLU(), nn.Linear(256, 128), nn.SiLU()
        ).append(nn.Linear(128, options.codes))
    critic = SeparableCritic(hidden_layer_sizes=(128,)).build(
        options.codes, 1024, generator=generator
    )
    parameters = [*network.parameters(), *critic.parameters()]
    optimizer = torch.optim.Adam(parameters, lr=2e-3)
    for _ in range(options.epochs):
        for batch in torch.randperm(len(rows), generator=generator).split(BATCH_SIZE)[
            :-1
        ]:
            z = encode(network, rows[batch])
            blurred = z + 0.1 * torch.randn(z.shape, generator=generator)
            loss = -bounds.jensen_shannon(critic(blurred, rows[batch])).mean()
            if independence:
                loss = loss + independence * total_correlation(blurred)
            if smoothness:
                near = [encode(network, block[batch]) for block in ahead]
                moved = sum(((other - z) ** 2).sum(-1).mean() for other in near)
                loss = loss + smoothness * moved
            optimizer.zero_grad()
            loss.backward()
            optimizer.step()
    return network.eval()


def judge(codes, factors, new_codes, new_factors):
    """Return the figures of a code on sprites that did not train."""
    names = list(LEVELS)
    found = {}
    for name in READ:
        level = new_factors[:, names.index(name)]
        model = LinearRegression().fit(codes, factors[:, names.index(name)])
        found[f"R2_{name}"] = model.score(new_codes, level)
        if name == "scale":
            continue
        found[f"best_{name}"] = max(
            abs(np.corrcoef(code, level)[0, 1]) for code in new_codes.T
        )
        told = sorted(
            HistogramMI(discrete_target=True)
            .fit(code[:, np.newaxis], level)
            .mutual_info_
            for code in new_codes.T
        )
        found[f"gap_{name}"] = (told[-1] - told[-2]) / np.log(LEVELS[name])
    correlation = np.linalg.slogdet(np.corrcoef(new_codes.T))[1]
    return found | {"normal_total_correlation": -correlation / 2}


def main():
    """Train with each choice of terms and write the table."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--rows", type=int, default=8000)
    parser.add_argument("--codes", type=int, default=3)
    parser.add_argument("--epochs", type=int, default=6)
    parser.add_argument("--seeds", type=int, default=3)
    parser.add_argument("--first-seed", type=int, default=0)
    parser.add_argument("--check", help="the .npz file of genuine frames")
    options = tables.parse(parser, BENCHMARK)
    torch.set_num_threads(1)
    if options.check and Path(options.check).exists():
        print(f"{compare(options.check):.3f} of the frames are drawn to the pixel")
    lines = []
    seeds = range(options.first_seed, options.first_seed + options.seeds)
    found = {name: [] for name in TERMS}
    for seed, name in itertools.product(seeds, TERMS):
        factors, new_factors = (
            draw_factors(options.rows, 2 * seed + i) for i in (0, 1)
        )
        images, new_images = map(draw_sprites, (factors, new_factors))
        network = train(images, TERMS[name], seed, options)
        with torch.no_grad():
            codes = encode(network, to_rows(images)).numpy()
            new_codes = encode(network, to_rows(new_images)).numpy()
        found[name].append(judge(codes, factors, new_codes, new_factors))
        print(seed, name, *(f"{v:.3f}" for v in found[name][-1].values()), flush=True)
    for name, figures in found.items():
        line = {"terms": name, "rows": options.rows, "seeds": len(figures)}
        for key in figures[0]:
            values = [figure[key] for figure in figures]
            line[key] = f"{np.mean(values):.3f}"
            line[f"{key}_spread"] = f"{np.std(values):.3f}"
        lines.append(line)
    tables.write_table(options.out, lines)


if __name__ == "__main__":
    main()
