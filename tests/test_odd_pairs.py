"""A few of the odd pairs; a thousand take minutes, see `tests/odd_pairs.py`."""

import numpy as np
import pytest

from tests.odd_pairs import (
    CONTAINERS,
    KINDS,
    Case,
    draw_case,
    entry_points,
    find_faults,
    judge,
)

QUICK = ("KSG", "GaussianMI", "independence_test", "mutual_info_matrix")


@pytest.mark.parametrize("seed", range(4))
def test_an_answer_or_a_clear_refusal(seed):
    counts, faults = find_faults(60, seed)
    assert not faults
    assert counts["answer"] >= 5


@pytest.mark.parametrize("name", QUICK)
def test_every_kind_and_every_container(name):
    entries = entry_points()
    for place, (kind, container) in enumerate(
        [(kind, "frame") for kind in KINDS] + [("normal", name) for name in CONTAINERS]
    ):
        case = Case(name, kind, "normal", container, "vector", 60, 1, "plain", place)
        assert judge(case, entries)[2] is None, case


def test_the_cases_are_different():
    rng, entries = np.random.RandomState(0), entry_points()
    cases = [draw_case(rng, entries) for _ in range(600)]
    assert len({case.entry for case in cases}) > len(entries) / 2
    assert len({case.x for case in cases}) == len(KINDS)
    assert len({case.x_container for case in cases}) == len(CONTAINERS)
