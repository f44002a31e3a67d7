"""The suite draws the same without seeds in every run."""

import numpy as np

from skmi import KSG


def estimate():
    x, y = np.random.RandomState(0).randint(25, size=(2, 300))
    return KSG().fit(x[:, np.newaxis], y).mutual_info_


FOUND = []


def test_first_fits_differ():
    FOUND.append((estimate(), estimate()))
    assert len(set(FOUND[0])) == 2


def test_first_fits_are_those_of_every_test():
    assert not FOUND or FOUND[0] == (estimate(), estimate())
