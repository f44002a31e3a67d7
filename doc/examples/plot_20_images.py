"""
Images from a DataLoader
========================

Batches of a ``DataLoader`` take the place of X and y in ``fit``: they are read once, an
image as one row. Networks of convolutions are the critic and the encoder, both trained
for three epochs. The critic scores pairs of the upper and the lower half of a digit;
the encoder compresses whole images to codes that predict the digit.
"""

import matplotlib.pyplot as plt
import torch
from sklearn.datasets import load_digits
from torch import nn
from torch.utils.data import DataLoader, TensorDataset

from skmi import IBEncoder, InfoNCE

images = torch.tensor(load_digits().images, dtype=torch.float32)
digits = torch.tensor(load_digits().target)
train, test = slice(0, 1400), slice(1400, None)
torch.manual_seed(0)


def loader_of(*blocks):
    """Return shuffled batches; the last one is short."""
    return DataLoader(TensorDataset(*blocks), batch_size=64, shuffle=True)


def convolutions(height, n_outputs):
    """Return a network of rows of numbers, which it takes as images."""
    return nn.Sequential(
        nn.Unflatten(1, (1, height, 8)),
        nn.Conv2d(1, 16, 3, padding=1, stride=2),
        nn.SiLU(),
        nn.Flatten(),
        nn.Linear(4 * 16 * height // 2, n_outputs),
    )


class HalvesCritic(nn.Module):
    """Score of all pairs of halves: the inner product of their embeddings."""

    def __init__(self):
        super().__init__()
        self.upper, self.lower = convolutions(4, 32), convolutions(4, 32)

    def forward(self, x, y):
        return self.upper(x) @ self.lower(y).mT


training = {"max_iter": 3, "learning_rate_init": 3e-3, "early_stopping": False}
training["random_state"] = 0
halves = loader_of(images[train, :4], images[train, 4:])
infonce = InfoNCE(
    critic=HalvesCritic(), batch_size=64, discrete_target=False, **training
).fit(halves)
print(f"at least {infonce.mutual_info_:.2f} nats, of {infonce.ceiling_:.2f} at most")

labelled = loader_of(images[train], digits[train])
encoder = IBEncoder(encoder=convolutions(8, 8), batch_size=32, **training).fit(labelled)
print(f"accuracy {encoder.score(images[test].flatten(1), digits[test]):.2f}")

# %%
# Left: pointwise mutual information of the halves of new images, and of halves of
# different images. Right: two of the eight codes of new images, coloured by the digit.

upper, lower = images[test, :4].flatten(1), images[test, 4:].flatten(1)
fig, (left, right) = plt.subplots(1, 2, figsize=(9.2, 4.0), layout="constrained")
for name, partners in {
    "same image": lower,
    "different images": lower.roll(1, 0),
}.items():
    left.hist(infonce.score_samples(upper, partners), 30, alpha=0.6, label=name)
left.set(xlabel="critic score (nats, up to a constant)", ylabel="number of pairs")
left.legend(frameon=False)
codes = encoder.transform(images[test].flatten(1))
right.scatter(*codes[:, :2].T, c=digits[test], cmap="tab10", s=9)
plt.show()
