"""
Training on a GPU
=================

``device="auto"``, the default of every critic-based estimator, trains on CUDA where it
is available and on the CPU elsewhere; ``device="cuda"`` requires CUDA. Fitted networks
are moved to the CPU, so that they can be pickled and loaded on any machine. The first
line of the output names the device that this page was built on.
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
# The distances of all pairs are matrix products, which are fast on a GPU. On a CPU the
# search trees used with ``device=None`` are faster for few features.

trees = KSG().fit(X, Y)
blocks = KSG(device=device).fit(X, Y)
print(f"by trees {trees.mutual_info_:.4f}, on {device} {blocks.mutual_info_:.4f} nats")

# %%

TrainingCurveDisplay.from_estimator(critic, name=f"InfoNCE on {device}")
plt.show()
