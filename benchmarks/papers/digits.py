r"""Stacked digits: modes covered by a GAN with an MI term (Belghazi et al. 2018).

    python -m benchmarks run digits
    python -m benchmarks run digits_long

The three channels of an image are three MNIST digits, of 14 by 14 pixels by default; a
classifier of single digits tells which of a thousand modes an image belongs to. A
generator G maps a code z of normal numbers to images. Beside the adversarial loss it
maximises I(G(z); z), which a critic estimates by the Donsker-Varadhan bound; the
gradient of the information is cut to the length of the adversarial one, over all
weights of the generator. ``--judges`` gives the width of the network that tells
generated images from real ones: where it is much less than the generator's, the plain
generator is known to lose modes (Metz et al. 2017).

One row for each judge, seed and weight beta of the information: modes that 26,000
images hit; the Kullback-Leibler divergence from their modes to the uniform
distribution, in nats; and the share of digits that the classifier tells with more than
.9 probability. The row "real" is what as many stacks of test images score.
"""

import argparse
import time
from itertools import product

import torch
from matplotlib.image import imsave
from torch import nn
from torch.nn.functional import avg_pool2d, softplus

from benchmarks import tables
from benchmarks.papers.ali import fit_classifier, load
from benchmarks.papers.gan import add_clipped, network, score
from skmi.bounds import donsker_varadhan

BENCHMARK = {
    "data": "MNIST",
    "tables": {
        "digits": {
            "small": "--judges 16 --seeds 1 --steps 10 --betas 1 --data digits",
            "cpu": "--judges 64 128 256 --seeds 3",
        },
        "digits_long": {
            "small": "--judges 16 --seeds 1 --steps 10 --betas 1 --data digits",
            "cpu": "--judges 64 --seeds 2 --steps 12000",
        },
    },
}
N_IMAGES, N_FEATURES = 26_000, 64


class Digits:
    """Draws stacks of digits, and tells the mode of an image."""

    modes = torch.arange(1000)

    def __init__(self, source, pixels, device):
        rows, labels, test_rows, _ = load(source, 60_000)
        self.images, self.test = (
            avg_pool2d((2 * x - 1).reshape(-1, 28, 28), 28 // pixels).to(device)
            for x in (rows, test_rows)
        )
        classifier = halving(1, 16, 10, pixels).to(device)
        labels = labels.to(device)
        self.classifier = fit_classifier(classifier, self.images[:, None], labels)

    def draw(self, n_images, source=None):
        """Draw stacks of digits, of training images by default."""
        source = self.images if source is None else source
        return source[torch.randint(len(source), (n_images, 3))]

    @torch.no_grad()
    def tell(self, images):
        """Return the classifier's probabilities of shape (images, 3, 10)."""
        parts = images.flatten(0, 1).unsqueeze(1).split(1000)
        found = torch.cat([self.classifier(part) for part in parts]).softmax(1)
        return found.cpu().unflatten(0, (-1, 3))

    def judge(self, images):
        """Return the mode of each image; all count."""
        mode = self.tell(images).argmax(2) @ torch.tensor([100, 10, 1])
        return mode, torch.ones(len(mode), dtype=torch.bool)


class Critic(nn.Module):
    """Scores all pairs of images and codes by inner products of features."""

    def __init__(self, of_image, of_code):
        super().__init__()
        self.of_image, self.of_code = of_image, of_code

    def forward(self, images, codes):
        """Return a score for each image (rows) and each code (columns)."""
        return self.of_image(images) @ self.of_code(codes).T


def halving(n_channels, width, n_outputs, pixels):
    """Return convolutions that halve images down to 3 by 3, and a linear layer."""
    layers = []
    while pixels > 3:
        layers += [nn.Conv2d(n_channels, width, 4, stride=2, padding=1)]
        layers += [nn.LeakyReLU(0.2)]
        n_channels, width, pixels = width, 2 * width, pixels // 2
    return nn.Sequential(*layers, nn.Flatten(), nn.Linear(9 * n_channels, n_outputs))


def doubling(n_code, width, pixels):
    """Return a linear layer and convolutions that double 3 by 3 up to all pixels."""
    size = width * pixels // 7
    layers = [nn.Linear(n_code, 9 * size), nn.Unflatten(1, (size, 3, 3))]
    while size >= width:
        kernel, padding = (3, 0) if len(layers) == 2 else (4, 1)
        n_filters = size // 2 if size > width else 3
        layers += [nn.BatchNorm2d(size), nn.ReLU()]
        layers += [nn.ConvTranspose2d(size, n_filters, kernel, 2, padding)]
        size //= 2
    return nn.Sequential(*layers, nn.Tanh())


def make_players(judge_width, options):
    """Return the generator, the judge and the critic."""
    width, code, pixels = options.width, options.code, options.pixels
    if options.convolutions:
        generator = doubling(code, width, pixels)
        judge = halving(3, judge_width, 1, pixels)
        of_image = halving(3, width, N_FEATURES, pixels)
    else:
        size = 3 * pixels**2
        generator = network(code, size, width, 2, normalize=True)
        generator.append(nn.Tanh()).append(nn.Unflatten(1, (3, pixels, pixels)))
        judge = nn.Sequential(nn.Flatten(), network(size, 1, judge_width, 3))
        of_image = nn.Sequential(nn.Flatten(), network(size, N_FEATURES, width, 3))
    critic = Critic(of_image, network(code, N_FEATURES, width, 1))
    return [module.to(options.device) for module in (generator, judge, critic)]


def train(digits, judge_width, beta, options):
    """Return a generator of images."""
    players = generator, judge, critic = make_players(judge_width, options)
    generator_steps, judge_steps, critic_steps = (
        torch.optim.Adam(module.parameters(), lr=options.rate, betas=(0.5, 0.999))
        for module in players
    )
    weights = list(generator.parameters())
    for _ in range(options.steps):
        code = torch.randn(options.batch_size, options.code, device=options.device)
        images, drawn = generator(code), digits.draw(options.batch_size)
        judge_steps.zero_grad()
        real, fake = judge(drawn), judge(images.detach())
        (softplus(-real).mean() + softplus(fake).mean()).backward()
        judge_steps.step()
        adversarial = softplus(-judge(images)).mean()
        first = torch.autograd.grad(adversarial, weights, retain_graph=beta > 0)
        second = [torch.zeros_like(part) for part in first]
        if beta:
            critic_steps.zero_grad()
            donsker_varadhan(critic(images.detach(), code)).neg().backward()
            critic_steps.step()
            kept = donsker_varadhan(critic(images, code))
            second = torch.autograd.grad(-beta * kept, weights)
        add_clipped(generator, first, second)
        generator_steps.step()
    return generator.eval()


@torch.no_grad()
def generate(generator, options):
    """Return images, made a thousand at a time."""
    codes = torch.randn(N_IMAGES, options.code, device=options.device)
    return torch.cat([generator(part) for part in codes.split(1000)])


def save_picture(path, galleries):
    """Save four lines of images of each gallery, one below the other, enlarged."""
    lines = []
    for images in galleries:
        block = torch.cat(images.cpu().unflatten(0, (4, -1)).unbind(1), 3)
        block = torch.cat(block.unbind(0), 1).permute(1, 2, 0) / 2 + 0.5
        lines += [block, torch.ones(4, block.shape[1], 3)]
    pixels = torch.cat(lines[:-1]).repeat_interleave(3, 0).repeat_interleave(3, 1)
    imsave(path, pixels.numpy())


def main():
    """Train with and without the information; write the table and the picture."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--judges", type=int, nargs="+", default=[64])
    parser.add_argument("--betas", type=float, nargs="+", default=[0.0, 1.0])
    parser.add_argument("--seeds", type=int, default=3)
    parser.add_argument("--first-seed", type=int, default=0)
    parser.add_argument("--steps", type=int, default=3000)
    parser.add_argument("--batch-size", type=int, default=128)
    parser.add_argument("--pixels", type=int, choices=(14, 28), default=14)
    parser.add_argument("--convolutions", action="store_true")
    parser.add_argument("--width", type=int, default=256)
    parser.add_argument("--code", type=int, default=32)
    parser.add_argument("--rate", type=float, default=3e-4)
    parser.add_argument("--device", default="cpu")
    options = tables.parse(parser, BENCHMARK)
    torch.set_num_threads(1)
    torch.manual_seed(options.first_seed)
    digits, table, galleries = (
        Digits(options.data, options.pixels, options.device),
        [],
        [],
    )
    seeds = range(options.first_seed, options.first_seed + options.seeds)
    runs = [("real", "", ""), *product(options.judges, seeds, options.betas)]
    for judge, seed, beta in runs:
        start = time.perf_counter()
        if judge == "real":
            images = digits.draw(N_IMAGES, digits.test)
        else:
            torch.manual_seed(seed)
            images = generate(train(digits, judge, beta, options), options)
            galleries.append(images[:80])
        hit, _, divergence = score(digits, images)
        sure = (digits.tell(images).amax(2) > 0.9).double().mean()
        row = {"judge": judge, "seed": seed, "beta": beta, "modes": hit}
        row |= {"divergence": f"{divergence:.3f}", "sure": f"{float(sure):.3f}"}
        row |= {"steps": options.steps}
        table.append(row | {"seconds": f"{time.perf_counter() - start:.0f}"})
        print(table[-1], flush=True)
        tables.write_table(options.out, table)
        if len(galleries) == len(options.betas):
            save_picture(options.out.with_suffix(".png"), galleries)


if __name__ == "__main__":
    main()
