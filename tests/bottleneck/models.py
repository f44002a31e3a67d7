"""Encoders, data and settings that the tests of the bottleneck share."""

import numpy as np
import torch
from sklearn.datasets import load_digits
from torch import nn

import skmi
from skmi._data.splitting import train_stop_test

DIGITS = load_digits(return_X_y=True)


def encoder_of_digits(**parameters):
    settings = {
        "n_components": 16,
        "batch_size": 64,
        "learning_rate_init": 3e-3,
        "max_iter": 40,
        "test_size": 0.2,
        "random_state": 0,
    }
    return skmi.IBEncoder(**settings | parameters)


def split_of(model, labels):
    """Repeat the split of a fit with an integer `random_state`."""
    random_state = np.random.RandomState(model.random_state)
    random_state.randint(np.iinfo(np.int32).max)  # the seed of the network
    return train_stop_test(
        len(labels),
        test_size=model.test_size,
        validation_fraction=model.validation_fraction,
        random_state=random_state,
        name="test",
        labels=labels,
    )


class Unit(nn.Module):
    """The sample itself as the mean of its code, and noise of one size."""

    def __init__(self, log_scale=0.0):
        super().__init__()
        self.log_scale = log_scale
        self.idle = nn.Parameter(torch.zeros(1))

    def forward(self, x):
        return x + 0 * self.idle, torch.full_like(x, self.log_scale)


class Itself(nn.Identity):
    """The sample itself as its code."""
