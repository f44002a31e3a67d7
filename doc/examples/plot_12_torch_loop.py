"""
A bound as a loss in a loop of your own
=======================================

Every bound is a function of a matrix of scores, rows x against columns y, with the
joint pairs on the diagonal. It goes into any torch loop; mind the sign, since a bound
is climbed and a loss descended.

Two cameras see the same angle, each with clutter of its own. Two encoders are trained
so that what they return tells as much about each other as it can: the angle is all that
they share.
"""

import matplotlib.pyplot as plt
import torch
from torch import nn

from skmi import bounds

generator = torch.Generator().manual_seed(0)
mixing = torch.randn(2, 12, 12, generator=generator)


def draw(n_rows):
    """Return an angle and two views of it, twelve columns each."""
    angle = 2 * torch.pi * torch.rand(n_rows, 1, generator=generator)
    clutter = torch.randn(2, n_rows, 10, generator=generator)
    circle = torch.cat([angle.cos(), angle.sin()], 1).expand(2, -1, -1)
    return angle, torch.cat([3 * circle, clutter], 2) @ mixing


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
print(f"at least {sum(values[-20:]) / 20:.2f} nats are shared")

# %%
# On the left the bound as it climbs; on the right what the first encoder makes of new
# rows, coloured by the angle that it was never told.

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
