"""
On a GPU
========

``device="auto"``, the default of every critic, trains on CUDA where there is one and on
the CPU elsewhere; ``device="cuda"`` insists. What is fitted comes back to the CPU, so
that it can be pickled and used anywhere. This page was built on whatever the first line
below says.
"""

import time

import matplotlib.pyplot as plt
import torch

from skmi import KSG, InfoNCE, TrainingCurveDisplay
from skmi.datasets import make_correlated_normal

device = "cuda" if torch.cuda.is_available() else "cpu"
print("this machine trains on:", device)

X, Y, truth = make_correlated_normal(4000, 8, mutual_info=2.0, random_state=0)
start = time.perf_counter()
critic = InfoNCE(device=device, batch_size=512, max_iter=100, random_state=0).fit(X, Y)
print(
    f"{critic.mutual_info_:.2f} of {truth:.2f} nats on {critic.device_}, "
    f"{critic.n_iter_} epochs in {time.perf_counter() - start:.1f} s"
)

# %%
# Distances of all pairs are products of matrices, at which a GPU excels. On a CPU the
# trees that ``device=None`` takes are quicker in few columns.

trees = KSG().fit(X, Y)
blocks = KSG(device=device).fit(X, Y)
print(f"by trees {trees.mutual_info_:.4f}, on {device} {blocks.mutual_info_:.4f} nats")

# %%

TrainingCurveDisplay.from_estimator(critic, name=f"InfoNCE on {device}")
plt.show()
