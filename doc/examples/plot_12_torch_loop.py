"""
A bound as a loss in a torch training loop
==========================================

Every bound is a function of a matrix of critic scores, rows x against columns y, with
the joint pairs on the diagonal and negative samples elsewhere. The loss is the negative
of a bound.

Two views depend on the same angle, each with independent noise features. Two encoders
are trained to maximise the mutual information of their outputs: the angle is all that
the views share.
"""

import matplotlib.pyplot as plt
import torch
from torch import nn

from skmi import bounds

generator = torch.Generator().manual_seed(0)
mixing = torch.randn(2, 12, 12, generator=generator)


def draw(n_rows):
    """Draw an angle and two views of it, twelve features each."""
    angle = 2 * torch.pi * torch.rand(n_rows, 1, generator=generator)
    noise = torch.randn(2, n_rows, 10, generator=generator)
    circle = torch.cat([angle.cos(), angle.sin()], 1).expand(2, -1, -1)
    return angle, torch.cat([3 * circle, noise], 2) @ mixing


torch.manual_seed(0)
encoders = nn.ModuleList(
    nn.Sequential(nn.Linear(12, 64), nn.SiLU(), nn.Linear(64, 2)) for _ in range(2)
)
optimizer = torch.optim.Adam(encoders.parameters(), lr=3e-3)
values = []
for _ in range(400):
    _, views = draw(256)
    z, w = (encoder(view) for encoder, view in zip(encoders, views, strict=True))
    scores = -(torch.cdist(z, w) ** 2)  # of all pairs, shape (256, 256)
    bound = bounds.info_nce(scores)
    optimizer.zero_grad()
    (-bound).backward()
    optimizer.step()
    values.append(bound.item())
print(f"lower bound of the shared information: {sum(values[-20:]) / 20:.2f} nats")

# %%
# Left: the bound in training. Right: the output of the first encoder on new samples,
# coloured by the angle, which was not used in training.

angle, views = draw(1000)
with torch.no_grad():
    codes = encoders[0](views[0])
fig, (left, right) = plt.subplots(1, 2, figsize=(9.2, 4.0), layout="constrained")
left.plot(values, color="#0072b2", lw=1)
left.set(xlabel="step", ylabel="InfoNCE on the batch (nats)")
left.spines[["top", "right"]].set_visible(False)
points = right.scatter(*codes.T, c=angle[:, 0], cmap="twilight", s=8)
right.set_aspect("equal")
right.axis("off")
fig.colorbar(points, ax=right, label="angle")
plt.show()
