r"""GANs with an MI term between code and output (Belghazi et al. 2018).

    python -m benchmarks run gan_grid
    python -m benchmarks run gan_spiral

A generator maps noise and a code c to rows; beside the adversarial loss it maximises
I(G(noise, c); c), which a critic estimates by the Donsker-Varadhan bound. The gradient
of the information is cut to the length of the adversarial one, over all weights of the
generator. "grid" is 25 normal distributions of deviation 0.05 on a square of side 4,
"spiral" a curve with noise of 0.05, cut into 25 modes.

One row for each weight of the information and seed: modes that at least one of 2500
points hits, within three deviations; the share of points at modes; and the
Kullback-Leibler divergence from their modes to the uniform distribution, in nats.
"""

import argparse
import time

import torch
from torch import nn

from benchmarks import tables
from skmi import bounds

BENCHMARK = {
    "data": "drawn",
    "tables": {
        "gan_grid": {
            "small": "grid --steps 10 --seeds 1",
            "cpu": "grid --seeds 5",
        },
        "gan_spiral": {
            "small": "spiral --steps 10 --seeds 1",
            "cpu": "spiral --seeds 3",
        },
    },
}
DEVIATION = 0.05
N_CODE = 2


class Grid:
    """Twenty-five normal distributions."""

    n_columns, n_points = 2, 2500

    def __init__(self):
        self.modes = torch.cartesian_prod(*2 * [torch.linspace(-2, 2, 5)])
        self.reach = 3 * DEVIATION

    def draw(self, n_rows):
        """Draw rows."""
        return self._spread(self.modes[torch.randint(len(self.modes), (n_rows,))])

    def judge(self, points):
        """Return the mode of each point, and whether it is at one."""
        distance, mode = torch.cdist(points, self.modes).min(1)
        return mode, distance < self.reach

    def _spread(self, points):
        return points + DEVIATION * torch.randn_like(points)


class Spiral(Grid):
    """A curve, cut into as many pieces."""

    def __init__(self):
        self.modes = self._curve(torch.linspace(0, 1, 25))
        self.reach = float((self.modes[1:] - self.modes[:-1]).norm(dim=1).max())

    def draw(self, n_rows):
        """Draw rows."""
        return self._spread(self._curve(torch.rand(n_rows)))

    def _curve(self, share):
        angle = 1.5 + 8 * share
        return torch.stack([angle * angle.cos(), angle * angle.sin()], 1) / 4


SHAPES = {"grid": Grid, "spiral": Spiral}


def network(n_inputs, n_outputs, width, n_hidden, normalize=False):
    """Return a network of leaky rectifiers."""
    layers, size = [], n_inputs
    for _ in range(n_hidden):
        layers += [nn.Linear(size, width)]
        layers += [nn.BatchNorm1d(width)] if normalize else []
        layers += [nn.LeakyReLU(0.2)]
        size = width
    return nn.Sequential(*layers, nn.Linear(size, n_outputs))


def add_clipped(module, adversarial, information):
    """Set the gradients: the information's is no longer than the adversarial one."""
    limit, length = (
        torch.cat([part.flatten() for part in parts]).norm()
        for parts in (adversarial, information)
    )
    factor = min(1.0, float(limit / length.clamp(min=1e-12)))
    triples = zip(module.parameters(), adversarial, information, strict=True)
    for weight, first, second in triples:
        weight.grad = first + factor * second


def information(critic, rows, code):
    """Return the bound on the information that rows hold of their code."""
    joint = critic(torch.cat([rows, code], 1)).squeeze(1)
    apart = critic(torch.cat([rows, code.roll(1, 0)], 1))
    return bounds.donsker_varadhan((joint, apart))


def train(shape, beta, options):
    """Return a function that generates rows."""
    n_inputs, softplus = options.noise + N_CODE, nn.functional.softplus
    generator = network(n_inputs, shape.n_columns, options.width, 2, normalize=True)
    judge = network(shape.n_columns, 1, options.width, 3)
    critic = network(shape.n_columns + N_CODE, 1, options.width, 3)
    generator_steps, judge_steps, critic_steps = (
        torch.optim.Adam(module.parameters(), lr=options.rate, betas=(0.5, 0.999))
        for module in (generator, judge, critic)
    )
    weights = list(generator.parameters())
    for _ in range(options.steps):
        noise = torch.randn(options.batch_size, n_inputs)
        rows, code = generator(noise), noise[:, :N_CODE]
        real, fake = judge(shape.draw(options.batch_size)), judge(rows.detach())
        judge_steps.zero_grad()
        (softplus(-real).mean() + softplus(fake).mean()).backward()
        judge_steps.step()
        if beta:
            critic_steps.zero_grad()
            information(critic, rows.detach(), code).neg().backward()
            critic_steps.step()
        adversarial = softplus(-judge(rows)).mean()
        first = torch.autograd.grad(adversarial, weights, retain_graph=True)
        second = [torch.zeros_like(part) for part in first]
        if beta:
            kept = information(critic, rows, code)
            second = torch.autograd.grad(-beta * kept, weights)
        add_clipped(generator, first, second)
        generator_steps.step()
    generator.eval()
    return lambda n_rows: generator(torch.randn(n_rows, n_inputs)).detach()


def score(shape, rows):
    """Return the modes hit, the share of rows at modes, and the divergence."""
    mode, near = shape.judge(rows)
    counts = torch.bincount(mode[near], minlength=len(shape.modes)).double()
    shares = counts[counts > 0] / counts.sum().clamp(min=1)
    divergence = (shares * (shares * len(shape.modes)).log()).sum()
    return int((counts > 0).sum()), float(near.double().mean()), float(divergence)


def main():
    """Train with and without the information, and write the table."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("shape", choices=SHAPES)
    parser.add_argument("--betas", type=float, nargs="+", default=[0.0, 1.0])
    parser.add_argument("--seeds", type=int, default=5)
    parser.add_argument("--first-seed", type=int, default=0)
    parser.add_argument("--steps", type=int, default=3000)
    parser.add_argument("--batch-size", type=int, default=128)
    parser.add_argument("--width", type=int, default=128)
    parser.add_argument("--noise", type=int, default=2)
    parser.add_argument("--rate", type=float, default=1e-3)
    options = tables.parse(parser, BENCHMARK)
    torch.set_num_threads(1)
    torch.manual_seed(options.first_seed)
    shape, table = SHAPES[options.shape](), []
    for seed in range(options.first_seed, options.first_seed + options.seeds):
        for beta in options.betas:
            start = time.perf_counter()
            torch.manual_seed(seed)
            rows = train(shape, beta, options)(shape.n_points)
            hit, near, divergence = score(shape, rows)
            table.append(
                {
                    "shape": options.shape,
                    "beta": beta,
                    "seed": seed,
                    "modes": hit,
                    "at_a_mode": f"{near:.3f}",
                    "divergence": f"{divergence:.3f}",
                    "steps": options.steps,
                    "seconds": f"{time.perf_counter() - start:.0f}",
                }
            )
            print(table[-1], flush=True)
            tables.write_table(options.out, table)


if __name__ == "__main__":
    main()
