"""Numbers of some tens of distinct values against their exact information."""

import numpy as np
import pytest

from skmi import MIFeatureSelector, mutual_info_matrix
from skmi.entropy import discrete_entropy


def both(x, y):
    """The matrix's value; the selector's and its standard error."""
    fitted = MIFeatureSelector(n_permutations=20, random_state=0)
    fitted.fit(x[:, np.newaxis].astype(float), y.astype(float))
    matrix = mutual_info_matrix(np.column_stack([x, y]))
    assert matrix[0, 1] == pytest.approx(fitted.scores_[0], abs=1e-5)
    assert (matrix <= np.minimum.outer(*[np.diag(matrix)] * 2) + 1e-9).all()
    return matrix, fitted.standard_errors_[0]


@pytest.mark.parametrize("n_values", [10, 11, 13, 15, 22, 31, 44])
@pytest.mark.parametrize("seed", [0, 1])
def test_a_permuted_code_has_its_entropy(n_values, seed):
    x = np.random.RandomState(seed).randint(n_values, size=2000)
    matrix, _ = both(x, np.random.RandomState(9).permutation(n_values)[x])
    assert np.diag(matrix) == pytest.approx(np.log(n_values), abs=0.02)
    # Miller's term is too large by (K - 1) ** 2 / 2n here, for K = 10 values.
    assert matrix[0, 1] == pytest.approx(np.log(n_values), abs=0.03)


def table(kind, n_values):
    """Joint probabilities of two columns."""
    same = np.eye(n_values)
    if kind == "near":
        places = np.arange(n_values)
        joint = np.zeros_like(same)
        for step in range(-3, 4):
            np.add.at(joint, (places, np.clip(places + step, 0, n_values - 1)), 1 / 7)
        return joint / n_values
    return (float(kind) * same + (1 - float(kind)) / n_values) / n_values


@pytest.mark.filterwarnings("ignore::skmi.exceptions.NothingSelectedWarning")
@pytest.mark.parametrize("kind", ["0", "0.3", "0.5", "0.9", "near"])
@pytest.mark.parametrize(
    ("n_values", "n_rows"), [(11, 2000), (13, 10000), (15, 10000), (31, 10000)]
)
def test_noisy_copies(kind, n_values, n_rows):
    joint = table(kind, n_values)
    margins = np.multiply.outer(joint.sum(axis=1), joint.sum(axis=0))
    seen = joint > 0
    truth = (joint[seen] * np.log(joint[seen] / margins[seen])).sum()
    for seed in range(2):
        rng = np.random.default_rng(seed)
        drawn = rng.choice(joint.size, size=n_rows, p=joint.ravel())
        matrix, error = both(*np.unravel_index(drawn, joint.shape))
        assert matrix[0, 1] == pytest.approx(truth, abs=3 * error)
        assert error < 0.04


def test_a_number_beside_its_own_bins():
    x = np.random.RandomState(0).standard_normal(10000)
    cut = np.searchsorted(np.quantile(x, np.arange(1, 12) / 12), x)
    matrix, _ = both(x, cut)
    assert matrix[0, 1] == pytest.approx(np.log(12), abs=0.1)
    assert matrix[1, 1] == pytest.approx(np.log(12), abs=0.005)


def test_the_ceiling_of_many_values_is_their_entropy():
    rng = np.random.RandomState(1)
    x = np.where(rng.uniform(size=500) < 0.9, 0, rng.standard_normal(500)).round(1)
    matrix, _ = both(x, 2 * x)
    entropy = discrete_entropy(x.astype(str), correction="plugin")
    assert (matrix <= entropy + 1e-9).all()
