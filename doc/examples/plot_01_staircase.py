"""
Bias of estimators by the strength of dependence
================================================

The true mutual information of two blocks of features rises in steps from 2 to 8 nats.
The estimates of two variational bounds, of nearest neighbours and of a closed form are
compared with it.

Variational lower bounds have a negative bias where the mutual information is large: no
distribution-free lower bound from n test samples can exceed about log n with high
confidence. The closed form has little bias as long as its assumption, a Gaussian
copula, holds.
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
# the number of samples, itself included, that each test sample is contrasted with.

colors = {"InfoNCE": "#0072b2", "NWJ": "#d55e00", "KSG": "#009e73"}
fig, ax = plt.subplots(figsize=(7.6, 4.2), layout="constrained")
edges = np.arange(len(levels) + 1)
ax.stairs(levels, edges, color="#4d4a45", lw=2, label="true value")
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
