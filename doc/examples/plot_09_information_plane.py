"""
The information plane
=====================

An information bottleneck trades compression against prediction: the rate is the
information of the representation about the input, the other axis its information about
the label. The weight of the rate, beta, moves along the frontier, from no compression
to a representation that is nearly uninformative.
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
# Each point is computed on test samples that were used neither for training nor for
# early stopping. The dashed line is the entropy of the labels, log 10 = 2.30 nats for
# ten equally frequent digits.

plane = display.plane
for beta, rate, value in zip(plane.betas, plane.rate, plane.mutual_info, strict=True):
    print(f"beta {beta:6.3f}: rate {rate:5.2f}, I(Z; label) {value:4.2f} nats")
