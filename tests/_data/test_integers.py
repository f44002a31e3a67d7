"""Whole numbers beyond 2**53, which float64 would merge, give what small ones give."""

from decimal import Decimal

import numpy as np
import pandas as pd
import polars as pl
import pytest
from scipy import sparse

from skmi import (
    KSG,
    GaussianMI,
    HistogramMI,
    KernelDensityMI,
    MIFeatureSelector,
    MixedKSG,
    ReliabilityWarning,
    mutual_info_matrix,
)
from skmi.entropy import discrete_entropy, kozachenko_leonenko
from skmi.inference import conditional_independence_test, independence_test
from skmi.multivariate import interaction_information, total_correlation
from skmi.neighbors import conditional_mutual_info
from skmi.series import lagged_mutual_info, transfer_entropy

RNG = np.random.RandomState(0)
COIN = np.arange(400) % 2 == 1
THREE = RNG.randint(3, size=400)
X = RNG.randint(300, size=400)
Y = X + RNG.randint(60, size=400)

WIDE = {
    "int64": lambda codes: codes.astype(np.int64) + 2**60,
    "uint64": lambda codes: codes.astype(np.uint64) + np.uint64(2**63),
    "objects": lambda codes: np.array([10**30 + int(c) for c in codes], dtype=object),
    "decimals": lambda codes: np.array([Decimal(2**60) + int(c) for c in codes]),
    "list": lambda codes: (codes.astype(np.int64) + 2**60).tolist(),
    "masked": lambda codes: np.ma.array(codes.astype(np.int64) + 2**60),
    "nullable": lambda codes: pd.Series(codes.astype(np.int64) + 2**60, dtype="Int64"),
    "series": lambda codes: pd.Series(codes.astype(np.int64) + 2**60),
    "128 bits": lambda codes: pl.Series("a", codes.astype(np.int64), dtype=pl.Int128),
}

# Multiples: the distances are large as well.
FACTORS = {"objects": 10**20, "128 bits": 2**70}
MULTIPLES = {
    "objects": lambda codes: np.array(
        [(2**62 + int(c)) * 10**20 for c in codes], dtype=object
    ),
    "128 bits": lambda codes: pl.Series(
        "a", [2**100 + int(c) * 2**70 for c in codes], dtype=pl.Int128
    ),
}
if not hasattr(pl, "Int128"):  # an older polars
    del WIDE["128 bits"], MULTIPLES["128 bits"]


def column(values):
    """Return a vector as a block of one column, in its own container."""
    if isinstance(values, (pd.Series, pl.Series)):
        return values.to_frame("a")
    return [[v] for v in values] if isinstance(values, list) else values[:, np.newaxis]


def estimates(make):
    """Return a function of both variables: the estimate and that of other samples."""

    def measure(x, y):
        fitted = make().fit(column(x), y)
        later = fitted.mutual_info(column(x)[50:350], y[50:350])
        return [fitted.mutual_info_, later, fitted.score(column(x), y)]

    return measure


ENTRIES = {
    "GaussianMI": estimates(GaussianMI),
    "KSG": estimates(lambda: KSG(random_state=0)),
    "MixedKSG": estimates(lambda: MixedKSG(random_state=0)),
    "HistogramMI": estimates(HistogramMI),
    "HistogramMI of labels": estimates(lambda: HistogramMI(discrete_features=True)),
    "KernelDensityMI": estimates(KernelDensityMI),
    "Z": lambda x, y: GaussianMI().fit(THREE[:, np.newaxis], y, x).mutual_info_,
    "selector": lambda x, y: MIFeatureSelector().fit(column(x), y).scores_,
    "matrix": lambda x, y: mutual_info_matrix(column(x)),
    "independence": lambda x, y: independence_test(x, y, random_state=0).statistic,
    "conditional independence": lambda x, y: (
        conditional_independence_test(THREE, y, x, random_state=0).statistic
    ),
    "conditional": lambda x, y: conditional_mutual_info(THREE, y, x, random_state=0),
    "total correlation": lambda x, y: (
        total_correlation([THREE, x, y], estimator=GaussianMI()).value
    ),
    "interaction": lambda x, y: (
        interaction_information(column(x), y, THREE, estimator=GaussianMI()).value
    ),
    "lags": lambda x, y: lagged_mutual_info(x, y, lags=1, estimator=GaussianMI()).value,
    "transfer": lambda x, y: transfer_entropy(x, y, estimator=GaussianMI()).value,
    "entropy of labels": lambda x, y: discrete_entropy(x),
    "entropy of numbers": lambda x, y: kozachenko_leonenko(column(x), n_neighbors=9),
}


@pytest.mark.filterwarnings("ignore::skmi.exceptions.SkmiWarning")
@pytest.mark.parametrize("entry", ENTRIES)
def test_large_numbers_are_as_small_ones(entry):
    """One number for x and for 2**60 + x, whatever holds it."""
    expected = np.asarray(ENTRIES[entry](X, Y))
    for name, wide in WIDE.items():
        for pair in ((wide(X), Y), (X, wide(Y))):
            found = np.asarray(ENTRIES[entry](*pair))
            assert found == pytest.approx(expected, abs=1e-9), name


@pytest.mark.filterwarnings("ignore::skmi.exceptions.SkmiWarning")
@pytest.mark.parametrize("entry", ENTRIES)
def test_multiples_are_as_small_ones(entry):
    """Mutual information has no scale; an entropy grows by the log of the factor."""
    for name, wide in MULTIPLES.items():
        expected = np.asarray(ENTRIES[entry](X, Y))
        assert np.asarray(ENTRIES[entry](X, wide(Y))) == pytest.approx(expected), name
        if entry == "entropy of numbers":
            expected = expected + np.log(float(FACTORS[name]))
        assert np.asarray(ENTRIES[entry](wide(X), Y)) == pytest.approx(expected), name


@pytest.mark.parametrize("name", ["Int128", "UInt128"])
@pytest.mark.skipif(not hasattr(pl, "UInt128"), reason="an older polars")
def test_long_integers_with_gaps(name):
    kind = getattr(pl, name)
    x = pl.Series("a", X, dtype=kind)
    gaps = x.scatter([3, 7], [None, None])
    with pytest.raises(ValueError, match="X contains"):
        KSG().fit(gaps.to_frame(), Y)
    with pytest.raises(ValueError, match="y contains"):
        KSG().fit(Y[:, np.newaxis], gaps)
    floats = np.where(np.isin(np.arange(400), [3, 7]), np.nan, X)
    table = pl.DataFrame({"a": gaps, "y": Y})
    expected = mutual_info_matrix(np.column_stack([floats, Y]))
    assert mutual_info_matrix(table) == pytest.approx(expected)


@pytest.mark.filterwarnings("error::skmi.exceptions.ReliabilityWarning")
def test_nothing_is_lost_and_nothing_said():
    GaussianMI().fit(WIDE["int64"](X)[:, np.newaxis], WIDE["int64"](Y))
    mutual_info_matrix(WIDE["int64"](X)[:, np.newaxis])


def test_numbers_far_apart_become_ranks():
    """Two copies of three values, 2**60 apart, determine the six values of y."""
    six = THREE + 3 * COIN
    x = np.where(COIN, 2**60, -(2**62)) + THREE
    with pytest.warns(ReliabilityWarning, match="X holds .* ranks are taken"):
        found = HistogramMI(discrete_features=True).fit(
            x[:, np.newaxis], six.astype(str)
        )
    assert found.mutual_info_ == pytest.approx(discrete_entropy(six), abs=0.04)
    with pytest.warns(ReliabilityWarning, match="X holds .* ranks are taken"):
        matrix = mutual_info_matrix(np.column_stack([x, six]))
    assert matrix[0, 1] == pytest.approx(discrete_entropy(six), abs=0.04)


def test_sparse_matrix():
    """Zeros stay where they are."""
    x = np.where(COIN, 2**60 + THREE, 0)
    dense = np.column_stack([x, THREE, COIN])
    for kind in (sparse.csr_matrix, sparse.csc_array):
        with pytest.warns(ReliabilityWarning, match="ranks are taken"):
            matrix = mutual_info_matrix(kind(dense))
        expected = mutual_info_matrix(
            np.column_stack([COIN * (THREE + 1), THREE, COIN])
        )
        assert matrix == pytest.approx(expected)


def test_mixed_table_and_gaps():
    """Large whole numbers beside floats, and with missing values among them."""
    for big in (pd.array(WIDE["int64"](COIN), dtype="Int64"), WIDE["objects"](COIN)):
        big[:2] = pd.NA if isinstance(big, pd.arrays.IntegerArray) else None
        table = pd.DataFrame({"big": big, "coin": COIN, "x": X / 7})
        matrix = mutual_info_matrix(table)
        assert matrix.iloc[0, 1] == pytest.approx(np.log(2), abs=0.01)
    table = pd.DataFrame({"a": WIDE["int64"](X), "b": THREE / 7})
    small = table.assign(a=X)
    expected = GaussianMI().fit(small, Y).mutual_info_
    assert GaussianMI().fit(table, Y).mutual_info_ == pytest.approx(expected)
    expected = GaussianMI().fit(Y[:, np.newaxis], small).mutual_info_
    assert GaussianMI().fit(Y[:, np.newaxis], table).mutual_info_ == pytest.approx(
        expected
    )


def test_masked_values_of_tables():
    big = np.ma.array(WIDE["int64"](COIN)[:, np.newaxis])
    big[:2] = np.ma.masked
    fitted = MIFeatureSelector(missing="pairwise").fit(big, COIN)
    assert fitted.scores_[0] == pytest.approx(np.log(2), abs=0.01)


def test_two_values_are_labels():
    """Labels keep their values."""
    for kind in ("int64", "objects"):
        fitted = KSG(random_state=0).fit(X[:, np.newaxis], WIDE[kind](COIN))
        assert fitted.classes_.tolist() == sorted(set(WIDE[kind](COIN).tolist()))


def test_codes_of_labels():
    labels = WIDE["int64"](THREE)
    fitted = KSG(discrete_target=True).fit(X[:, np.newaxis], labels)
    assert fitted.classes_.tolist() == np.unique(labels).tolist()


def test_encoders_warn():
    from skmi.encoders import ScoreEstimator

    with pytest.warns(ReliabilityWarning, match="X holds .* beyond 2\\*\\*53"):
        ScoreEstimator().fit(np.column_stack([WIDE["int64"](X), Y]))
