"""
The path of a selection, with pairs
===================================

A label depends on two features by themselves and on two more only together: each of
these is independent of it. The selector screens all pairs, and the path shows what each
step adds.
"""

import matplotlib.pyplot as plt
import numpy as np
import pandas as pd

from skmi import MIFeatureSelector

BLUE, VERMILION, PALE, INK = "#0072b2", "#d55e00", "#a9a49b", "#4d4a45"

rng = np.random.RandomState(0)
columns = ["age", "weight", "gene a", "gene b", *(f"noise {k}" for k in range(6))]
X = pd.DataFrame(rng.standard_normal((1500, 10)), columns=columns)
risk = 3 * X["age"] + 2 * X["weight"] + 3 * np.sign(X["gene a"] * X["gene b"])
y = np.where(risk + rng.logistic(size=1500) > 0, "ill", "well")

selector = MIFeatureSelector(random_state=0).fit(X, y)
path = selector.path_
print(path[["feature", "relevance", "gain", "cumulative", "pvalue"]].round(3))
for pair in selector.interactions_[:1]:
    print(f"{pair.first} with {pair.second}: {pair.synergy:.2f} nats of synergy")

# %%
# A bar is the information of a feature alone. The dots are the joint information of all
# features selected so far, by the criterion of the search.

names = list(path["feature"])
paired = {name for pair in selector.interactions_[:1] for name in pair[:2]}
colors = [VERMILION if name in paired else BLUE for name in names]
entropy = -sum(share * np.log(share) for share in pd.Series(y).value_counts(True))

fig, ax = plt.subplots(figsize=(6.4, 3.9), layout="constrained")
places = np.arange(len(names))
ax.bar(places, path["relevance"], width=0.55, color=colors)
ax.plot(places, path["cumulative"], "o-", color=INK, lw=1.5)
style = {"ha": "center", "color": INK, "textcoords": "offset points"}
for place, value in zip(places, path["cumulative"], strict=True):
    ax.annotate(f"{value:.2f}", (place, value), (0, 7), **style)
ax.axhline(entropy, color=PALE, lw=1.2, ls=(0, (4, 3)))
ax.annotate("entropy of the label", (0, entropy), (0, -13), textcoords="offset points")
ax.bar([0], [0], color=BLUE, label="the feature alone")
ax.bar([0], [0], color=VERMILION, label="the feature alone, one of the pair")
ax.plot([], [], "o-", color=INK, label="all selected so far")
ax.set_xticks(places, names)
ax.set_ylim(0, 1.1 * entropy)
ax.set_ylabel("mutual information\nwith the label (nats)")
ax.legend(frameon=False, loc="center left")
ax.spines[["top", "right"]].set_visible(False)
plt.show()
