"""
A staircase of mutual information
=================================

The mutual information of two blocks of columns climbs from 2 to 8 nats. How far do the
estimators follow, with a separable critic and a larger step?

A lower bound by a critic stays behind where the truth is large: with n report rows no
lower bound can exceed about log n with any certainty. A closed form follows all the
way, where the data are what it takes them for.
"""

import matplotlib.pyplot as plt
import numpy as np

from skmi import KSG, NWJ, GaussianCopulaMI, InfoNCE
from skmi.datasets import make_correlated_normal

levels = np.array([2.0, 4.0, 6.0, 8.0])
fast = {"critic": "separable", "n_negatives": None, "learning_rate_init": 3e-3}
estimators = {
    "InfoNCE": InfoNCE(random_state=0, **fast),
    "NWJ": NWJ(random_state=0, **fast),
    "KSG": KSG(),
    "GaussianCopulaMI": GaussianCopulaMI(),
}
found = {name: [] for name in estimators}
for level in levels:
    X, Y, truth = make_correlated_normal(
        2000, n_features=10, mutual_info=level, random_state=0
    )
    for name, estimator in estimators.items():
        found[name].append(estimator.fit(X, Y).mutual_info_)

# %%
# One step for each level. The dashed line is the ceiling of InfoNCE, the logarithm of
# the number of rows that each report row was held against.

colors = {"InfoNCE": "#0072b2", "NWJ": "#d55e00", "KSG": "#009e73"}
fig, ax = plt.subplots(figsize=(7.6, 4.2), layout="constrained")
edges = np.arange(len(levels) + 1)
ax.stairs(levels, edges, color="#4d4a45", lw=2, label="truth")
for name, values in found.items():
    ax.stairs(values, edges, lw=1.6, color=colors.get(name, "#cc79a7"), label=name)
ceiling = estimators["InfoNCE"].ceiling_
ax.axhline(ceiling, color="#4d4a45", lw=1, ls=(0, (4, 3)))
note = f"log {np.exp(ceiling):.0f}, the ceiling of InfoNCE"
ax.annotate(note, (0.05, ceiling + 0.1), fontsize="small")
ax.set_xticks(edges[:-1] + 0.5, [f"{level:.0f}" for level in levels])
ax.set_xlabel("mutual information (nats)")
ax.set_ylabel("estimate (nats)")
ax.set_ylim(0, 9)
ax.spines[["top", "right"]].set_visible(False)
fig.legend(frameon=False, loc="outside right upper")
plt.show()
