"""
Information as a penalty
========================

A representation z should reconstruct x without depending on a factor s: an estimate of
I(z; s) is added to the loss. A lower bound whose critic lags behind is close to 0 long
before s is gone; what remains is estimated afterwards, on new samples.
"""

import matplotlib.pyplot as plt
import torch
from torch import nn

from skmi import KSG, bounds


def network(n_in, n_out):
    return nn.Sequential(nn.Linear(n_in, 64), nn.SiLU(), nn.Linear(64, n_out))


def draw(n_samples):
    """Draw three columns that mix s with two other factors, and s."""
    first, second, s = torch.randn(3, n_samples, 1)
    return torch.cat([first + 0.8 * s, second * (1 + 0.5 * torch.tanh(s)), s], 1), s


def critic_scores(critic, z, s):
    return critic[0](z) @ critic[1](s).T / 4


def log_densities(critic, z, s):
    """Return normal log densities of all s (columns) given all z (rows)."""
    mean, log_scale = critic[0](z)[:, :2].split(1, dim=1)
    return -(((s.T - mean) / log_scale.exp()) ** 2) / 2 - log_scale


def train(scores, objective, penalty, inner_steps):
    """Return the course of the penalty, and I(z; s) afterwards by KSG."""
    torch.manual_seed(0)
    coder = nn.ModuleList([network(3, 3), network(3, 3)])
    critic = nn.ModuleList([network(3, 16), network(1, 16)])
    outer, inner = (torch.optim.Adam(part.parameters()) for part in (coder, critic))

    def encode(x):
        z = coder[0](x)
        return (z - z.mean(0)) / (z.std(0) + 1e-3) + 0.1 * torch.randn(len(z), 3)

    course = []
    for step in range(500 * (inner_steps + 1)):
        x, s = draw(256)
        z = encode(x)
        if step % (inner_steps + 1):  # the critic follows the encoder
            optimizer, loss = inner, -objective(scores(critic, z.detach(), s))
        else:
            course.append(penalty(scores(critic, z, s)))
            error = ((coder[1](z) - x) ** 2).mean()
            optimizer, loss = outer, error + 2.0 * course[-1].clamp(min=0)
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
    x, s = draw(2000)
    return torch.stack(course).detach(), KSG().fit(encode(x).detach(), s).mutual_info_


# %%
# InfoNCE with one and with five steps of its critic for each of the encoder, and CLUB,
# whose density of s given z is trained by likelihood. The dots are what is left.

nce = critic_scores, bounds.info_nce, bounds.info_nce
club = log_densities, lambda S: S.diagonal().mean(), bounds.club
runs = {"InfoNCE, 1 step": (*nce, 1), "InfoNCE, 5": (*nce, 5), "CLUB, 1": (*club, 1)}
fig, ax = plt.subplots(figsize=(7.6, 4.2), layout="constrained")
for k, (name, settings) in enumerate(runs.items()):
    course, left = train(*settings)
    ax.plot(course, f"C{k}", lw=1, label=f"{name}: {left:.2f} nats left")
    ax.plot(520, left, f"C{k}o", clip_on=False)
ax.set(xlabel="step", ylabel="penalty (nats)")
fig.legend(frameon=False, ncols=3, loc="outside upper center")
plt.show()
