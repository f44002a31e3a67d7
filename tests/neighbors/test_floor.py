"""What neighbours find without Z bounds from below what they should find given it."""

import math

import numpy as np
import pytest

from skmi import KSG

# y - z = x + u / 2 of uniform x and u: h(y | z) - h(u / 2) = 1/4 + log 2 by integrating
# a trapezoid of height 1 and sides of 1/2.
TRUTH = 0.25 + math.log(2)


@pytest.mark.filterwarnings("ignore::skmi.exceptions.ReliabilityWarning")
def test_edges_blurred_by_Z_are_not_taken_for_exact():
    covered = []
    for seed in range(12):
        rng = np.random.RandomState(500 + seed)
        x, u = rng.uniform(size=(2, 1000))
        z = rng.standard_normal(1000)
        model = KSG().fit(x[:, np.newaxis], z + x + u / 2, z)
        off = abs(model.mutual_info_ - TRUTH) / model.standard_error_
        covered.append(off < 1.96)
        assert off < 1.96 or model.status_ == "not converged"
    assert sum(covered) >= 10


def test_normal_samples_are_not_doubted_more():
    doubts = 0
    for seed in range(20):
        x, y, z = np.random.RandomState(600 + seed).standard_normal((3, 600))
        model = KSG().fit((z + x)[:, np.newaxis], z + 0.6 * x + 0.8 * y, z)
        doubts += model.status_ != "ok"
    assert doubts <= 2
