"""
The information plane
=====================

A bottleneck trades what its codes keep of a row, the rate, against what they tell about
the label. The weight of the rate, beta, moves along the frontier: from codes that keep
all to codes that keep next to nothing.
"""

import matplotlib.pyplot as plt
from sklearn.datasets import load_digits

from skmi import IBEncoder, InformationPlaneDisplay

X, y = load_digits(return_X_y=True)
model = IBEncoder(n_components=8, learning_rate_init=3e-3, max_iter=200, random_state=0)
betas = [0.01, 0.03, 0.1, 0.3, 1.0]
display = InformationPlaneDisplay.from_estimator(
    model, X, y, betas=betas, name="handwritten digits"
)
plt.show()

# %%
# Each point was measured on rows that neither trained nor chose the epoch. Ten digits
# that occur equally often hold log 10 = 2.30 nats, the dashed line.

plane = display.plane
for beta, rate, told in zip(plane.betas, plane.rate, plane.mutual_info, strict=True):
    print(f"beta {beta:6.3f}: keeps {rate:5.2f} nats of a row, tells {told:4.2f}")
