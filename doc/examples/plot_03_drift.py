r"""
Drift of a critic, and regularisation
=====================================

The Donsker-Varadhan bound, :math:`E_P[f] - \log E_Q[e^f]`, is invariant under adding a
constant to the critic f. The constant is therefore not identified and drifts in
training, and the critic is not an estimate of the log density ratio. The regularised
objective subtracts the squared distance of :math:`\log E_Q[e^f]` from a target, which
does not change the optimal value of the bound.

The data are those of Choi and Lee: X is one of sixteen one-hot vectors and Y = X, so
that the mutual information is log 16 nats.
"""

import math

import matplotlib.pyplot as plt
import torch

from skmi import bounds
from skmi.critics import JointCritic

N_CLASSES, BATCH, STEPS = 16, 64, 1500
truth = math.log(N_CLASSES)


def train(weight, target=0.0):
    """Maximise the bound by SGD; return its value and the log-partition by step."""
    generator = torch.Generator().manual_seed(0)
    critic = JointCritic(hidden_layer_sizes=(32,), activation="relu")
    network = critic.build(N_CLASSES, N_CLASSES, generator=generator)
    optimizer = torch.optim.SGD(network.parameters(), lr=0.3)
    values, levels = [], []
    for _ in range(STEPS):
        labels = torch.randint(N_CLASSES, (BATCH,), generator=generator)
        x = torch.nn.functional.one_hot(labels, N_CLASSES).float()
        scores = network(x, x)
        value, level = bounds.donsker_varadhan(scores), bounds.log_partition(scores)
        loss = weight * bounds.drift_penalty(level, target) - value
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
        values.append(value.item())
        levels.append(level.item())
    return values, levels


runs = {
    "DonskerVaradhan": (train(weight=0.0), "#d55e00"),
    "ReMINE": (train(weight=0.1), "#0072b2"),
}

# %%
# Top: the bound on each batch, alike for both. Bottom: the log-partition, which drifts
# without the penalty and stays near the target 0 with it.

fig, (top, low) = plt.subplots(2, figsize=(6.8, 5.2), sharex=True, layout="constrained")
for name, ((values, levels), color) in runs.items():
    top.plot(values, color=color, lw=1, label=name)
    low.plot(levels, color=color, lw=1.4)
top.axhline(truth, color="#4d4a45", lw=1, ls=(0, (4, 3)))
top.annotate(
    f"true value, log 16 = {truth:.2f}",
    (0, truth),
    (0, 4),
    fontsize="small",
    textcoords="offset points",
)
top.set(ylim=(0, 1.6 * truth), ylabel="bound (nats)")
low.set(xlabel="step", ylabel=r"$\log E_Q[e^f]$ (nats)")
for ax in (top, low):
    ax.spines[["top", "right"]].set_visible(False)
top.legend(frameon=False, loc="lower right")
plt.show()
