"""
Grid search over estimators and critics
=======================================

Estimates of different methods differ in bias, and a search for the largest estimate
would choose the one with the largest positive bias. ``score`` is therefore the same
lower bound for every estimator, on held-out samples, so that ``GridSearchCV`` compares
like with like: critics, bounds, and estimators without training.
"""

import matplotlib.pyplot as plt
import pandas as pd
from sklearn.model_selection import GridSearchCV
from sklearn.pipeline import Pipeline
from sklearn.preprocessing import StandardScaler

from skmi import KSG, NWJ, GaussianCopulaMI, InfoNCE
from skmi.datasets import make_sparse_normal

X, Y, truth = make_sparse_normal(
    900, 3, correlations=(0.8, 0.8), transforms=["half_cube"], random_state=0
)
model = Pipeline([("scale", StandardScaler()), ("mi", KSG())])
fast = {"max_iter": 100, "learning_rate_init": 3e-3, "random_state": 0}
grid = [
    {"mi": [KSG(), GaussianCopulaMI()]},
    {"mi": [InfoNCE(**fast), NWJ(**fast)], "mi__critic": ["separable", "joint"]},
]
search = GridSearchCV(model, grid, cv=3).fit(X, Y)
best = search.best_estimator_["mi"]
print(f"selected: {type(best).__name__}, {best.mutual_info_:.2f} of {truth:.2f} nats")

# %%
# A score is a lower bound on held-out samples: higher is better.

found = pd.DataFrame(search.cv_results_)
found["name"] = [
    f"{type(row['mi']).__name__} {row.get('mi__critic', '')}" for row in found["params"]
]
found = found.sort_values("mean_test_score")
fig, ax = plt.subplots(figsize=(6.8, 3.4), layout="constrained")
ax.errorbar(
    found["mean_test_score"],
    found["name"],
    xerr=found["std_test_score"] / 3**0.5,
    fmt=">",
    color="#0072b2",
)
ax.axvline(truth, color="#4d4a45", lw=1, ls=(0, (4, 3)))
ax.annotate("true value", (truth, 0.1), (-4, 0), ha="right", textcoords="offset points")
ax.set_xlabel("lower bound on held-out samples (nats)")
ax.spines[["top", "right"]].set_visible(False)
plt.show()
