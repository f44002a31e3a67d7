"""
The layers of a network in the information plane
================================================

How informative are the layers of a network about its input and about the label, and how
does that change in training? The activations are a deterministic function of the
input, so their mutual information with it is infinite, or the logarithm of the number
of samples. With noise of a stated size added to them it is finite, and since the
density of the noise is known, it lies between a lower and an upper bound that need no
training: :class:`skmi.TNCE` and :class:`skmi.LeaveOneOutBound`.

A network of three narrow layers learns to recognise digits. Its layers on the test
images are kept after a few epochs.
"""

import matplotlib.pyplot as plt
import torch
from sklearn.datasets import load_digits
from sklearn.model_selection import train_test_split
from torch import nn

from skmi import AutoMI, InformationPlaneDisplay

X, y = load_digits(return_X_y=True)
X = torch.as_tensor(X / 16, dtype=torch.float32)
X_train, X_test, y_train, y_test = train_test_split(
    X, y, test_size=0.5, stratify=y, random_state=0
)
labels = torch.as_tensor(y_train)

torch.manual_seed(0)
blocks = nn.ModuleList(
    nn.Sequential(nn.Linear(n_in, n_out), nn.Tanh())
    for n_in, n_out in [(64, 12), (12, 8), (8, 4)]
)
network = nn.Sequential(*blocks, nn.Linear(4, 10))
optimizer = torch.optim.Adam(network.parameters(), lr=1e-2)


def activations(images):
    """Return the outputs of the three layers."""
    layers = []
    with torch.no_grad():
        for block in blocks:
            images = block(images)
            layers.append(images)
    return layers


epochs = []
for epoch in range(61):
    if epoch in (0, 3, 10, 60):
        epochs.append(activations(X_test))
    for rows in torch.randperm(len(X_train)).split(64):
        loss = nn.functional.cross_entropy(network(X_train[rows]), labels[rows])
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()

display = InformationPlaneDisplay.from_layers(
    epochs,
    y_test,
    noise=0.5,
    estimator=AutoMI(discrete_target=True, random_state=0),
    random_state=0,
    name="a network of three layers in training",
)
plt.show()

# %%
# Each line leads from the first epoch to the last, at the name; a bar reaches from the
# lower to the upper bound of the information about the input. Training adds information
# about the label, most to the last layer. What it does to the information about the
# input depends on the size of the noise, which is a choice: look at several.

plane = display.plane
values = plane.mutual_info.T
for name, rate, value in zip(plane.names, plane.rate.T, values, strict=True):
    print(f"{name}: about the input {rate.round(2)}, about the label {value.round(2)}")
