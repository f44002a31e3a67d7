"""
Direct dependence: conditional information of all pairs
=======================================================

In a chain a - b - c - d all columns depend on each other. Given the others, only
neighbours do.
"""

import matplotlib.pyplot as plt
import numpy as np

from skmi import ConditionalMatrixDisplay, GaussianCopulaMI
from skmi.inference import ci_test

rng = np.random.RandomState(0)
columns = list(rng.standard_normal((5, 1000)))
for k in (1, 2, 3):
    columns[k] = columns[k - 1] + 0.7 * columns[k]
table, names = np.column_stack(columns), "abcde"

# %%
# Left: the mutual information of each pair. Right: given the other three columns. The
# column e is independent of all.

fig, (left, right) = plt.subplots(1, 2, figsize=(10, 4.2), layout="constrained")
plain = np.full((5, 5), np.nan)
for i in range(5):
    for j in range(i):
        model = GaussianCopulaMI().fit(table[:, [i]], table[:, j])
        plain[i, j] = plain[j, i] = model.mutual_info_
ConditionalMatrixDisplay(values=plain, names=names).plot(left, name="of each pair")
ConditionalMatrixDisplay.from_data(table, names=names, ax=right, name="given the rest")
plt.show()

# %%
# A test of each pair given the others, in the form that routines for learning graphs
# ask for. Pairs of neighbours have the smallest p-value. Seven pairs are independent
# given the others, and some of those p-values are small by chance: a search for a graph
# adjusts for the number of tests.

test = ci_test(table)
for i in range(5):
    for j in range(i + 1, 5):
        rest = [k for k in range(5) if k not in (i, j)]
        print(names[i], names[j], f"p = {test(i, j, rest):.3f}")
