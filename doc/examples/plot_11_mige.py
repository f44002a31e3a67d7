r"""
The gradient of mutual information, with and without a critic
=============================================================

For d independent normal pairs with correlation :math:`\rho` the derivative of the
mutual information is known, :math:`dI/d\rho = d \rho / (1 - \rho^2)`. It can be
estimated from samples in two ways: by estimates of score functions (MIGE), without an
estimate of I itself, or by training a critic and differentiating its bound.
"""

import matplotlib.pyplot as plt
import numpy as np
import torch

from skmi import bounds
from skmi.critics import SeparableCritic
from skmi.scores import mutual_info_gradient

N_ROWS, N_COLUMNS = 256, 8
correlations = np.linspace(-0.8, 0.8, 9)
generator = torch.Generator().manual_seed(0)


def draw(rho, dtype=torch.float32):
    """Draw x, y and dy/drho."""
    shape = N_ROWS, N_COLUMNS
    x, noise = (torch.randn(shape, generator=generator, dtype=dtype) for _ in range(2))
    rest = (1 - rho**2) ** 0.5
    return x, rho * x + rest * noise, x - rho / rest * noise


def by_scores(rho):
    """Estimate dI/drho by score functions from 256 samples."""
    x, y, slope = draw(rho, torch.float64)
    _, gradient = mutual_info_gradient(x, y)
    return float((gradient * slope).sum(1).mean())


def by_backprop(rho, n_steps=150):
    """Estimate dI/drho by a critic trained on 150 new batches of 256 samples."""
    critic = SeparableCritic().build(N_COLUMNS, N_COLUMNS, generator=generator)
    optimizer = torch.optim.Adam(critic.parameters(), lr=3e-3)
    for _ in range(n_steps):
        x, y, slope = draw(rho)
        y.requires_grad_()
        loss = -bounds.donsker_varadhan(critic(x, y))
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
    return float(-(y.grad * slope).sum())


truth = N_COLUMNS * correlations / (1 - correlations**2)
found = {
    "score functions (MIGE)": [by_scores(rho) for rho in correlations],
    "a critic, backpropagated": [by_backprop(rho) for rho in correlations],
}

# %%

fig, ax = plt.subplots(figsize=(6.8, 4.2), layout="constrained")
ax.plot(correlations, truth, color="#4d4a45", label="true value")
for (name, values), color in zip(found.items(), ["#0072b2", "#d55e00"], strict=True):
    error = np.sqrt(np.mean((values - truth) ** 2) / np.mean(truth**2))
    label = f"{name}: error {error:.0%}"
    ax.plot(correlations, values, "o", color=color, label=label)
ax.set_xlabel(r"correlation $\rho$")
ax.set_ylabel(r"$dI/d\rho$ (nats)")
ax.spines[["top", "right"]].set_visible(False)
ax.legend(frameon=False)
plt.show()
