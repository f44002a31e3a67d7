r"""
The ceiling of InfoNCE
======================

InfoNCE classifies which of K pairs is the joint one, against K - 1 negative samples. A
perfect classification is worth :math:`\log K` nats, so that the bound cannot exceed it,
even with the exact critic: low variance, but a negative bias for strong dependence. NWJ
and SMILE have no such ceiling; the variance of NWJ grows with the mutual information.

The critic here is the exact log density ratio and nothing is trained: the figure shows
the bias and variance of the bounds themselves.
"""

import matplotlib.pyplot as plt
import numpy as np
import torch

from skmi import bounds
from skmi.datasets import make_correlated_normal


def exact_scores(x, y, correlation):
    """Compute the log density ratio log p(x, y) / (p(x) p(y)) of all pairs."""
    x, y = torch.from_numpy(x), torch.from_numpy(y)
    distance = ((y[None] - correlation * x[:, None]) ** 2).sum(-1)
    rest = 1 - correlation**2
    offset = -0.5 * x.shape[1] * np.log(rest)
    return offset - distance / (2 * rest) + 0.5 * (y**2).sum(-1)


K, n_features = 128, 10
levels = np.linspace(0.5, 10, 12)
found = {"info_nce": [], "nwj": [], "smile": []}
for level in levels:
    correlation = np.sqrt(1 - np.exp(-2 * level / n_features))
    X, Y, _ = make_correlated_normal(
        100 * K, n_features, mutual_info=level, random_state=0
    )
    scores = [
        exact_scores(x, y, correlation)
        for x, y in zip(np.split(X, 100), np.split(Y, 100), strict=True)
    ]
    scores = torch.stack(scores)  # (batches, K, K): one value for each batch
    found["info_nce"].append(bounds.info_nce(scores))
    found["nwj"].append(bounds.nwj(scores + 1))
    found["smile"].append(bounds.smile(scores, clip=5.0))

# %%
# Lines are medians over a hundred batches; the interquartile range is shaded.

fig, ax = plt.subplots(figsize=(6.8, 4.2), layout="constrained")
ax.plot(levels, levels, color="#4d4a45", label="true value")
for name, color in zip(found, ["#0072b2", "#d55e00", "#009e73"], strict=True):
    values = torch.stack(found[name]).numpy()
    low, middle, high = np.percentile(values, [25, 50, 75], axis=1)
    ax.plot(levels, middle, color=color, label=name)
    ax.fill_between(levels, low, high, color=color, alpha=0.18, lw=0)
ax.axhline(np.log(K), color="#4d4a45", lw=1, ls=(0, (4, 3)))
ax.annotate(f"log {K} = {np.log(K):.2f}", (0.5, np.log(K) + 0.1), fontsize="small")
ax.set(ylim=(0, 11), ylabel="value on a batch (nats)")
ax.set_xlabel("mutual information (nats)")
ax.spines[["top", "right"]].set_visible(False)
ax.legend(frameon=False, loc="upper left")
plt.show()
