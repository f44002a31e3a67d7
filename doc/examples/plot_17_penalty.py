"""
Information as a penalty
========================

A representation z shall reconstruct x and lose what it knows of a factor s, such as a
sensor, a speaker or a sensitive attribute: minimise the error of the reconstruction
plus a weight times an estimate of I(z; s), trained beside the encoder. Here is the
trap: a lower bound whose critic lags behind is close to 0 long before s is gone. What
remains is therefore measured by an estimator that took no part, on new samples.
"""

import matplotlib.pyplot as plt
import torch
from torch import nn

from skmi import KSG, bounds

N_STEPS, WEIGHT = 500, 2.0


def network(n_in, n_out):
    """Return a small network."""
    return nn.Sequential(nn.Linear(n_in, 64), nn.SiLU(), nn.Linear(64, n_out))


def draw(n_samples):
    """Draw s, and three columns that mix it with two factors of their own."""
    first, second, s = torch.randn(3, n_samples, 1)
    return torch.cat([first + 0.8 * s, second * (1 + 0.5 * torch.tanh(s)), s], 1), s


def critic_scores(critic, z, s):
    """Return a separable critic of all pairs."""
    return critic[0](z) @ critic[1](s).T / 4


def log_densities(critic, z, s):
    """Return normal log densities of all s (columns) given all z (rows)."""
    mean, log_scale = critic[0](z).chunk(2, dim=1)
    return -(((s.T - mean) / log_scale.exp()) ** 2) / 2 - log_scale


def train(scores, objective, penalty, inner_steps):
    """Return the course of the penalty, and I(z; s) afterwards by KSG."""
    torch.manual_seed(0)
    encoder, decoder = network(3, 3), network(3, 3)
    critic = nn.ModuleList([network(3, 16 if scores is critic_scores else 2)])
    critic.append(network(1, 16))
    outer = torch.optim.Adam([*encoder.parameters(), *decoder.parameters()])
    inner = torch.optim.Adam(critic.parameters())

    def encode(x):
        z = encoder(x)
        return (z - z.mean(0)) / (z.std(0) + 1e-3) + 0.1 * torch.randn(len(z), 3)

    course = []
    for step in range(N_STEPS * (inner_steps + 1)):
        x, s = draw(256)
        if step % (inner_steps + 1) < inner_steps:  # the critic follows the encoder
            optimizer, z = inner, encode(x).detach()
            loss = -objective(scores(critic, z, s))
        else:
            optimizer, z = outer, encode(x)
            value = penalty(scores(critic, z, s))
            course.append(value.item())
            loss = ((decoder(z) - x) ** 2).mean() + WEIGHT * value.clamp(min=0)
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
    x, s = draw(2000)
    return course, KSG(random_state=0).fit(encode(x).detach(), s).mutual_info_


# %%
# InfoNCE with one and with five steps of its critic for each of the encoder, and CLUB,
# whose density of s given z is trained by likelihood, not against the encoder. Values
# below 0 are clamped, or the encoder would be paid for misleading the critic. All three
# penalties say less than what is left; the critic that had one step says almost nothing.

runs = {
    "InfoNCE, 1 inner step": (critic_scores, bounds.info_nce, bounds.info_nce, 1),
    "InfoNCE, 5 inner steps": (critic_scores, bounds.info_nce, bounds.info_nce, 5),
    "CLUB": (log_densities, lambda S: S.diagonal().mean(), bounds.club, 1),
}
fig, ax = plt.subplots(figsize=(7.2, 4.2), layout="constrained")
for color, name in zip(["#d55e00", "#0072b2", "#009e73"], runs, strict=True):
    course, left = train(*runs[name])
    ax.plot(course, color=color, lw=1, label=name)
    ax.plot(N_STEPS * 1.02, left, "o", color=color)
    print(f"{name}: penalty {sum(course[-50:]) / 50:.2f}, I(z; s) by KSG {left:.2f}")
ax.set(xlabel="step", ylabel="penalty; dots: I(z; s) by KSG (nats)", ylim=(-0.5, 2.5))
ax.legend(frameon=False)
ax.spines[["top", "right"]].set_visible(False)
plt.show()
