r"""Adversarially learned inference with an MI term (Belghazi et al. 2018).

    python -m benchmarks run ali

An encoder F and a generator G are trained so that pairs (x, F(x)) of MNIST rows and
their codes look like pairs (G(z), z) of generated rows and theirs. With a weight beta
the encoder also maximises I(x; F(x)), by the Donsker-Varadhan bound of a critic; its
gradient is cut to the length of the adversarial one. One row for each beta and seed, on
test rows: the Euclidean distance of G(F(x)) to x (grey values from 0 to 1), and how
often a classifier finds the label of x in G(F(x)). Multi-scale structural similarity is
not computed: its five scales do not fit 28 pixels.
"""

import argparse
import time

import torch
from torch import nn

from benchmarks import tables
from benchmarks.data import load_mnist
from benchmarks.papers.gan import add_clipped, information, network

BENCHMARK = {
    "data": "MNIST",
    "tables": {
        "ali": {
            "small": "--rows 500 --steps 20 --seeds 1 --data digits",
            "cpu": "--seeds 3",
        },
    },
}


class Encoder(nn.Module):
    """Rows to codes of a normal distribution around a mean, of its own width."""

    def __init__(self, n_columns, n_code, width):
        super().__init__()
        self.network = network(n_columns, 2 * n_code, width, 2)

    def forward(self, x):
        """Draw a code of each row."""
        mean, log_scale = self.network(x).chunk(2, 1)
        return mean + log_scale.clamp(-5, 2).exp() * torch.randn_like(mean)


def load(source, n_rows):
    """Return training rows, test rows and both sets of labels."""
    x, y, test_x, test_y = (torch.tensor(part) for part in load_mnist(source))
    x, test_x = (images.flatten(1) / 255 for images in (x, test_x))
    y, test_y = y.long(), test_y.long()
    return x[:n_rows], y[:n_rows], test_x, test_y


def fit_classifier(classifier, x, labels):
    """Train a network to tell the label of a row."""
    optimizer = torch.optim.Adam(classifier.parameters(), lr=1e-3)
    for rows in torch.randint(len(x), (3000, 128)):
        optimizer.zero_grad()
        nn.functional.cross_entropy(classifier(x[rows]), labels[rows]).backward()
        optimizer.step()
    return classifier.eval()


def train(x, beta, options):
    """Return an encoder and a generator."""
    n_columns, n_code, width = x.shape[1], options.code, options.width
    encoder = Encoder(n_columns, n_code, width)
    generator = network(n_code, n_columns, width, 2, normalize=True)
    generator.append(nn.Sigmoid())
    judge = network(n_columns + n_code, 1, width, 3)
    critic = network(n_columns + n_code, 1, width, 3)
    players = encoder, generator, judge, critic
    encoder_steps, generator_steps, judge_steps, critic_steps = (
        torch.optim.Adam(module.parameters(), lr=options.rate, betas=(0.5, 0.999))
        for module in players
    )
    softplus, weights = nn.functional.softplus, list(encoder.parameters())
    for _ in range(options.steps):
        rows = x[torch.randint(len(x), (options.batch_size,))]
        prior = torch.randn(options.batch_size, n_code)
        codes, drawn = encoder(rows), generator(prior)
        pairs = torch.cat([rows, codes], 1), torch.cat([drawn, prior], 1)
        real, fake = (judge(pair.detach()) for pair in pairs)
        judge_steps.zero_grad()
        (softplus(-real).mean() + softplus(fake).mean()).backward()
        judge_steps.step()
        if beta:
            critic_steps.zero_grad()
            information(critic, rows, codes.detach()).neg().backward()
            critic_steps.step()
        fooled = softplus(judge(pairs[0])).mean() + softplus(-judge(pairs[1])).mean()
        generator_steps.zero_grad()
        first = torch.autograd.grad(fooled, weights, retain_graph=True)
        fooled.backward(inputs=list(generator.parameters()), retain_graph=True)
        second = [torch.zeros_like(part) for part in first]
        if beta:
            kept = information(critic, rows, codes)
            second = torch.autograd.grad(-beta * kept, weights)
        add_clipped(encoder, first, second)
        encoder_steps.step()
        generator_steps.step()
    return encoder.eval(), generator.eval()


@torch.no_grad()
def score(encoder, generator, classifier, x, labels):
    """Return the error and the accuracy of reconstructions."""
    copies = generator(encoder(x))
    error = (copies - x).norm(dim=1).mean()
    right = (classifier(copies).argmax(1) == labels).double().mean()
    return float(error), float(right)


def main():
    """Train with and without the information, and write the table."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--rows", type=int, default=10_000)
    parser.add_argument("--betas", type=float, nargs="+", default=[0.0, 1.0])
    parser.add_argument("--seeds", type=int, default=3)
    parser.add_argument("--first-seed", type=int, default=0)
    parser.add_argument("--steps", type=int, default=3000)
    parser.add_argument("--batch-size", type=int, default=128)
    parser.add_argument("--width", type=int, default=128)
    parser.add_argument("--code", type=int, default=8)
    parser.add_argument("--rate", type=float, default=1e-3)
    options = tables.parse(parser, BENCHMARK)
    torch.set_num_threads(1)
    torch.manual_seed(options.first_seed)
    x, labels, test_x, test_labels = load(options.data, options.rows)
    classifier, table = fit_classifier(network(784, 10, 256, 2), x, labels), []
    for seed in range(options.first_seed, options.first_seed + options.seeds):
        for beta in options.betas:
            start = time.perf_counter()
            torch.manual_seed(seed)
            players = train(x, beta, options)
            error, right = score(*players, classifier, test_x, test_labels)
            table.append(
                {
                    "beta": beta,
                    "seed": seed,
                    "reconstruction_error": f"{error:.3f}",
                    "reconstruction_accuracy": f"{right:.4f}",
                    "rows": options.rows,
                    "steps": options.steps,
                    "seconds": f"{time.perf_counter() - start:.0f}",
                }
            )
            print(table[-1], flush=True)
            tables.write_table(options.out, table)


if __name__ == "__main__":
    main()
