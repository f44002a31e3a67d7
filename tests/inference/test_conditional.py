import math

import numpy as np
import pandas as pd
import pytest

from skmi.inference import conditional_independence_test
from skmi.inference.conditional import (
    local_neighbors,
    local_permutation,
    local_permuter,
)
from skmi.neighbors.conditional import make_block
from tests.oracle import draw_normal


def test_exchanged_rows_are_near():
    rng = np.random.RandomState(0)
    Z = np.sort(rng.standard_normal((200, 1)), axis=0)
    near = local_neighbors(make_block(Z, "Z", "rank", rng), 5)
    assert (near[:, 0] == np.arange(200)).all()
    order = local_permutation(near, rng)
    assert np.abs(order - np.arange(200)).max() <= 4
    assert len(np.unique(order)) > 170
    labels = np.array(["a", "b"] * 100)
    frame = pd.DataFrame({"z": Z[:, 0], "label": labels})
    near = local_neighbors(make_block(frame, "Z", "rank", rng), 5)
    assert (labels[near] == labels[:, None]).all()


def test_labels_alone_are_permuted_within():
    labels = np.repeat(["a", "b"], 100)
    block = make_block(labels, "Z", "rank", None)
    order = local_permuter(block, 5, np.random.RandomState(0))()
    assert sorted(order) == list(range(200))
    np.testing.assert_array_equal(labels[order], labels)
    assert (order != np.arange(200)).mean() > 0.9


def test_number_of_local_neighbours_is_checked():
    X, Y, _ = draw_normal(30, 1, 0.5, seed=0)
    with pytest.raises(ValueError, match="n_local=1 must be"):
        conditional_independence_test(X, Y, X, n_local=1)


@pytest.mark.parametrize("mixed", [False, True])
def test_size_and_power(mixed):
    def draw(seed, link):
        rng = np.random.RandomState(seed)
        z, a, b = rng.standard_normal((3, 120))
        if mixed:
            label = rng.choice(["p", "q"], 120)
            z = pd.DataFrame({"z": z, "label": label})
            shared = z["z"] + 2 * (label == "p")
        else:
            shared = z
        return shared + a, shared + b + link * a, z

    def pvalues(n_tests, link):
        options = {"n_permutations": 19}
        return np.array(
            [
                conditional_independence_test(
                    *draw(seed, link), random_state=seed, **options
                ).pvalue
                for seed in range(n_tests)
            ]
        )

    assert (pvalues(30, link=0) <= 0.05).mean() <= 0.17
    assert (pvalues(5, link=1.5) == 0.05).all()


def draw_given_five(rng, link, n_samples=300):
    """Two columns that share five others, curved ones and labels among them."""
    Z = pd.DataFrame(rng.standard_normal((n_samples, 3)), columns=["a", "b", "c"])
    Z["d"] = rng.choice(list("pqr"), n_samples)
    Z["e"] = rng.rand(n_samples) < 0.5
    shared = Z["a"] + 0.7 * Z["b"] + 0.7 * Z["c"] + (Z["d"] == "p") - Z["e"]
    x, y = 0.6 * rng.standard_normal((2, n_samples))
    return shared + x, shared + y + link * x, Z


def test_size_and_power_given_five_mixed_columns():
    """Neighbours in five columns alone let four in ten of these nulls be rejected."""

    def share(n_tests, link):
        pvalues = [
            conditional_independence_test(
                *draw_given_five(np.random.RandomState(seed), link),
                n_permutations=19,
                random_state=seed,
            ).pvalue
            for seed in range(n_tests)
        ]
        return np.mean(np.array(pvalues) <= 0.05)

    assert share(40, link=0) <= 0.175
    assert share(10, link=1.0) >= 0.8


def test_residuals_keep_the_conditional_information():
    """Closed form of normal columns: I(x; y | z) of correlation 0.6 given z."""
    rng = np.random.RandomState(0)
    Z, noise = rng.standard_normal((2000, 3)), rng.standard_normal((2, 2000))
    x = Z.sum(axis=1) + noise[0]
    y = 2 * Z[:, 0] + 0.6 * noise[0] + 0.8 * noise[1]
    options = {"n_permutations": 9, "random_state": 0}
    result = conditional_independence_test(x, y, Z, **options)
    truth = -math.log(1 - 0.6**2) / 2
    assert result.statistic == pytest.approx(truth, abs=0.06)
    assert result.pvalue == 0.1


def test_a_callable_for_routines_that_learn_graphs():
    """In a - b - c, a and c are dependent, and independent given b."""

    def pvalues(seed):
        rng = np.random.RandomState(seed)
        a, noise, other = rng.standard_normal((3, 200))
        b = a + 0.7 * noise
        c = b + 0.7 * other
        options = {"n_permutations": 19, "random_state": seed}
        return [
            conditional_independence_test(x, y, Z, **options).pvalue
            for x, y, Z in ((a, b, c), (b, c, a), (a, c, b))
        ]

    edges_and_none = np.array([pvalues(seed) for seed in range(8)])
    assert (edges_and_none[:, :2] == 0.05).all()
    assert edges_and_none[:, 2].mean() > 0.2
