"""
Clusters of the columns of a table
==================================

Mutual information of all pairs of thirty measurements of tumours, ordered so that
columns that share information are neighbours. Three groups appear: size, shape of the
outline, and texture.
"""

import matplotlib.pyplot as plt
import numpy as np
from scipy.cluster.hierarchy import dendrogram, linkage
from scipy.spatial.distance import squareform
from sklearn.datasets import load_breast_cancer

from skmi import mutual_info_matrix

X = load_breast_cancer(as_frame=True).data
values = np.asarray(mutual_info_matrix(X))

# %%
# Linfoot's coefficient maps nats to a scale from 0 to 1; one minus it is a distance.

coefficient = np.sqrt(1 - np.exp(-2 * np.maximum(values, 0)))
np.fill_diagonal(coefficient, 1)
tree = linkage(squareform(1 - coefficient, checks=False), method="average")

# %%
# The stronger the colour, the more information two columns share. Blocks on the
# diagonal are groups of redundant columns.

fig, (above, ax) = plt.subplots(
    2, 1, figsize=(7.2, 7.6), height_ratios=[1, 7], layout="constrained"
)
order = dendrogram(
    tree, ax=above, no_labels=True, color_threshold=0, above_threshold_color="#4d4a45"
)["leaves"]
above.axis("off")
style = {"cmap": "Blues", "vmin": 0, "vmax": 1, "aspect": "auto"}
image = ax.imshow(coefficient[np.ix_(order, order)], **style)
ax.set_xticks([])
ax.set_yticks(range(len(order)), X.columns[order], fontsize="small")
ax.spines[:].set_visible(False)
fig.colorbar(image, ax=ax, shrink=0.6, label="information coefficient, 0 to 1")
plt.show()
