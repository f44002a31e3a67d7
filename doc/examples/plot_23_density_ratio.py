r"""
The density ratio that a critic learns
======================================

A critic learns :math:`\log p(x, y) / p(x) p(y)` from samples alone. Here X and Y lie
near a circle, so that the ratio is known, and both can be drawn side by side. Their
correlation is 0.
"""

import matplotlib.pyplot as plt
import numpy as np

from skmi import NWJ

NOISE = 0.25
rng = np.random.RandomState(0)


def draw(n_samples):
    """Draw points of the unit circle, with normal noise on both coordinates."""
    angle = rng.uniform(0, 2 * np.pi, size=n_samples)
    circle = np.column_stack([np.cos(angle), np.sin(angle)])
    return (circle + NOISE * rng.standard_normal(circle.shape)).T


x, y = draw(4000)
model = NWJ(critic="joint", random_state=0).fit(x[:, np.newaxis], y)
print(f"{model.mutual_info_:.2f} nats, correlation {np.corrcoef(x, y)[0, 1]:.2f}")

# %%
# The true ratio on a grid: densities of the noise, averaged over points of the circle.

ticks = np.linspace(-1.6, 1.6, 81)
grid = np.stack(np.meshgrid(ticks, ticks), axis=-1).reshape(-1, 2)
turn = np.linspace(0, 2 * np.pi, 720, endpoint=False)
kernels = [
    np.exp(-((ticks[:, np.newaxis] - f(turn)) ** 2) / (2 * NOISE**2))
    for f in (np.cos, np.sin)
]
joint = np.einsum("xt,yt->yx", *kernels) / len(turn)
margins = kernels[0].mean(axis=1), kernels[1].mean(axis=1)
true = np.log(joint / np.outer(margins[1], margins[0]))
learned = model.score_samples(grid[:, :1], grid[:, 1]).reshape(true.shape)

# %%
# Blue: more frequent together than if X and Y were independent; red: less frequent. The
# critic is inaccurate where there are no training samples.

fig, axes = plt.subplots(1, 3, figsize=(9.6, 3.5), layout="constrained", sharey=True)
style = {"cmap": "RdBu", "vmin": -3, "vmax": 3, "extent": [-1.6, 1.6] * 2}
axes[0].plot(x[:1000], y[:1000], ".", ms=3, color="#0072b2")
for ax, values in zip(axes[1:], (true, learned), strict=True):
    image = ax.imshow(np.clip(values, -3, 3), origin="lower", **style)
titles = ["1000 of the samples", "true log ratio", "log ratio of the critic"]
for ax, title in zip(axes, titles, strict=True):
    ax.set(title=title, xlabel="x", aspect="equal", xlim=(-1.6, 1.6), ylim=(-1.6, 1.6))
axes[0].set_ylabel("y")
fig.colorbar(image, ax=axes, label="nats", shrink=0.8)
plt.show()
