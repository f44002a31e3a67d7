"""Containers and types of all libraries: an answer, or a sentence with the cure."""

import datetime
import warnings

import numpy as np
import pandas as pd
import pytest
import torch
from scipy import sparse

import skmi
from skmi._data.dates import as_days
from skmi._data.reading import read_block, read_numbers, read_sides
from skmi.exceptions import ReliabilityWarning
from skmi.inference import conditional_independence_test, independence_test

RNG = np.random.RandomState(0)
X = RNG.standard_normal((200, 2)).round(2)
Y = X[:, 0] + RNG.standard_normal(200)
DAYS = RNG.randint(900, size=200)
DATES = np.datetime64("2020-01-01") + DAYS
LATER = pd.Series(DATES.astype("M8[us]"))


def small(cls):
    names = cls().get_params()
    few = {"max_iter": 2, "random_state": 0}
    return cls(**{name: value for name, value in few.items() if name in names})


def fit_all(block):
    """Give a block to entry points of every family; return a number of each."""
    return [
        skmi.KSG(random_state=0).fit(block, Y).mutual_info_,
        small(skmi.InfoNCE).fit(block, Y).mutual_info_,
        skmi.GaussianMI().fit(block, Y).mutual_info_,
        small(skmi.ScoreEstimator).fit(block).transform(block).sum(),
        np.asarray(skmi.mutual_info_matrix(block)).sum(),
        skmi.MIFeatureSelector(random_state=0).fit(block, Y).scores_.sum(),
        independence_test(block, Y, random_state=0, n_permutations=19).statistic,
        conditional_independence_test(
            block, Y, Y[::-1], random_state=0, n_permutations=5
        ).statistic,
    ]


CONTAINERS = {
    "list": X.tolist(),
    "frame": pd.DataFrame(X, columns=["a", "b"]),
    "parameter": torch.nn.Parameter(torch.tensor(X)),
    "sparse tensor": torch.tensor(X).to_sparse(),
    "list of tensors": list(torch.tensor(X)),
    "sparse frame": pd.DataFrame(X, columns=["a", "b"]).astype(
        pd.SparseDtype(float, 0.0)
    ),
    "matrix": X.view(np.matrix),
    "nothing masked": np.ma.array(X),
    "objects": X.astype(object),
}


@pytest.mark.filterwarnings("ignore::skmi.exceptions.SkmiWarning")
@pytest.mark.filterwarnings("ignore::PendingDeprecationWarning")
@pytest.mark.parametrize("name", CONTAINERS)
def test_containers_have_the_answer_of_an_array(name):
    assert np.allclose(np.array(fit_all(CONTAINERS[name]), float), fit_all(X))


@pytest.mark.filterwarnings("ignore::skmi.exceptions.SkmiWarning")
@pytest.mark.parametrize("dtype", [torch.bfloat16, torch.float8_e4m3fn])
def test_narrow_tensors_are_cast(dtype):
    narrow = torch.tensor(X).to(dtype)
    np.testing.assert_array_equal(fit_all(narrow), fit_all(narrow.float().numpy()))


def test_tables_of_polars_and_arrow():
    pl, pa = pytest.importorskip("polars"), pytest.importorskip("pyarrow")
    table = pl.DataFrame(X, schema=["a", "b"])
    for block in (table, table.lazy(), pa.table({"a": X[:, 0], "b": X[:, 1]})):
        np.testing.assert_array_equal(np.asarray(read_block(block, "X")), X)
    for block in (pl.DataFrame({"a": [[1, 2]]}), pa.table({"a": [[1, 2]]})):
        with pytest.raises(ValueError, match="X holds lists"):
            read_block(block, "X")


class Lazy:
    """What a collection of dask looks like."""

    __module__ = "dask.array.core"

    def compute(self):
        return X


class Dataset:
    """What a data set of xarray looks like."""

    __module__ = "xarray.core.dataset"

    def values(self):
        return []


def test_collections_of_dask_are_computed_and_data_sets_refused():
    assert read_block(Lazy(), "X") is X
    with pytest.raises(TypeError, match=r"X is a Dataset.*pass one of its arrays"):
        read_block(Dataset(), "X")


def objects(*values):
    column = np.empty((len(values), 1), dtype=object)
    column[:, 0] = values
    return column


REFUSED = {
    "none": (None, ValueError, "X is None", "pass an array or a table"),
    "dict": ({"a": [1]}, TypeError, "X is a dict", "pandas.DataFrame(X)"),
    "generator": ((r for r in X), TypeError, "X is a generator", "pass list(X)"),
    "set": ({1, 2}, TypeError, "X is a set", "pass a list"),
    "name": ("a.csv", TypeError, "X is a str", "pandas.read_csv"),
    "number": (3.0, TypeError, "X is a float", "one row for each sample"),
    "numpy's number": (np.float64(3), TypeError, "X is a float", "one row"),
    "class": (skmi.KSG, TypeError, "X is a type", "one row for each sample"),
    "records": (
        pd.DataFrame(X).to_records(),
        ValueError,
        "X is a structured array",
        "pandas.DataFrame(X)",
    ),
    "dicts": (objects({"a": 1}, {"a": 2}), TypeError, "X holds dicts", "DataFrame"),
    "lists": (objects([1, 2], [3]), ValueError, "X holds lists", "column of its own"),
    "ragged": ([[1.0], [1.0, 2.0]], ValueError, "X holds lists", "all rows as many"),
    "text and bytes": (objects("a", b"a"), ValueError, "X mixes text", "decode"),
    "complex": (X * 1j, ValueError, "X is complex", "the real and the imaginary"),
    "images": (
        X.reshape(50, 2, 2, 2),
        ValueError,
        "X has 4 dimensions",
        "flatten, or pass an encoder module",
    ),
    "twice": (
        pd.DataFrame(X, columns=["a", "a"]),
        ValueError,
        "X has 2 columns named 'a'",
        "rename",
    ),
    "masked": (
        np.ma.masked_greater(X, 2),
        ValueError,
        "X is a masked array",
        "X.filled(value)",
    ),
    "n/a": (
        objects(1.5, "n/a", 2.5, 3.5),
        ValueError,
        "X mixes text with numbers in column 0, such as 'n/a' and 1.5",
        "pandas.to_numeric(column, errors='coerce')",
    ),
}


@pytest.mark.parametrize("name", REFUSED)
def test_what_is_refused(name):
    given, kind, argument, cure = REFUSED[name]
    with pytest.raises(kind) as caught:
        read_block(given, "X")
    assert str(caught.value).startswith(argument)
    assert cure in str(caught.value)


def test_sides_are_of_equal_length_and_not_empty():
    with pytest.raises(ValueError, match=r"X, y have inconsistent.*\[200, 199\]"):
        independence_test(X, Y[1:])
    with pytest.raises(ValueError, match="X has 1 rows and 2 columns"):
        read_sides(X=X[:1], y=Y[:1])
    with pytest.raises(ValueError, match="y has 200 rows and 0 columns"):
        read_sides(X=X, y=X[:, :0])
    with pytest.raises(ValueError, match=r"X is sparse; .*X.toarray\(\)"):
        read_sides(X=sparse.csr_matrix(X), y=Y)


# -- dates -----------------------------------------------------------------------------

TIMES = {
    "days": DATES,
    "nanoseconds": DATES.astype("M8[ns]"),
    "objects": objects(*DATES.tolist())[:, 0],
    "with a zone": LATER.dt.tz_localize("UTC"),
    "periods": pd.Series(pd.PeriodIndex(LATER, freq="D")),
    "durations": DATES - DATES.min(),
}


@pytest.mark.filterwarnings("ignore::skmi.exceptions.SkmiWarning")
@pytest.mark.parametrize("name", TIMES)
def test_dates_are_days_in_tables_and_refused_elsewhere(name):
    dates = TIMES[name]
    days = np.column_stack([DAYS, X[:, 0]])
    table = pd.DataFrame({"day": pd.Series(dates), "x": X[:, 0]})
    of_days = skmi.mutual_info_matrix(days)
    np.testing.assert_allclose(skmi.mutual_info_matrix(table), of_days)
    selector = skmi.MIFeatureSelector(random_state=0)
    scores = selector.fit(table, Y).scores_
    np.testing.assert_array_equal(scores, selector.fit(days, Y).scores_)
    np.testing.assert_array_equal(
        selector.fit(days, pd.Series(dates)).scores_, selector.fit(days, DAYS).scores_
    )
    cure = r"\(column - column.min\(\)\) / numpy.timedelta64\(1, 'D'\)"
    for cls in (skmi.KSG, skmi.NWJ, skmi.AutoMI, skmi.GaussianMI, skmi.MIGEGradient):
        with pytest.raises(ValueError, match=f"X holds dates or durations; .*{cure}"):
            small(cls).fit(table, Y)
        with pytest.raises(ValueError, match=f"y holds dates or durations; .*{cure}"):
            small(cls).fit(X, pd.Series(dates))
    for cls in (skmi.ScoreEstimator, skmi.InfoMaxEncoder):
        with pytest.raises(ValueError, match="X holds dates"):
            small(cls).fit(table)
    for test in (independence_test, conditional_independence_test):
        with pytest.raises(ValueError, match="y holds dates"):
            test(*((X, table, Y)[: test.__code__.co_argcount]))


def test_dates_of_polars_in_a_test():
    pl = pytest.importorskip("polars")
    with pytest.raises(ValueError, match="y holds dates"):
        independence_test(X, pl.Series(DATES.tolist()))


@pytest.mark.parametrize("unit", ["ns", "us", "s"])
def test_the_cure_of_dates_works_for_every_unit(unit):
    column = pd.Series(DATES.astype(f"M8[{unit}]"))
    found = (column - column.min()) / np.timedelta64(1, "D")
    np.testing.assert_array_equal(found, DAYS - DAYS.min())


def test_days_of_single_values():
    zone = datetime.timezone(datetime.timedelta(hours=6))
    values = objects(
        datetime.date(1970, 1, 2),
        datetime.datetime(1970, 1, 2, 6, tzinfo=zone),
        datetime.time(18, 0),
        datetime.timedelta(hours=36),
        pd.NaT,
        None,
    )
    np.testing.assert_array_equal(
        as_days(values)[:, 0], [1.0, 1.0, 0.75, 1.5, np.nan, np.nan]
    )


# -- missing values of tables ----------------------------------------------------------


def test_masked_values_are_missing_in_tables():
    hidden = np.ma.masked_greater(X, 1)
    expected = np.where(X > 1, np.nan, X)
    np.testing.assert_array_equal(
        skmi.mutual_info_matrix(hidden), skmi.mutual_info_matrix(expected)
    )


@pytest.mark.parametrize("share", [0.02, 0.4])
def test_text_among_numbers_of_a_table_is_noted(share):
    column = X[:, 0].astype(object)
    column[: int(200 * share)] = "n/a"
    numbers = np.where(column == "n/a", np.nan, X[:, 0]).astype(float)
    table = pd.DataFrame({"a": column, "y": Y})
    with pytest.warns(ReliabilityWarning, match="column 'a'.*'n/a'"):
        found = skmi.mutual_info_matrix(table).to_numpy()
    expected = skmi.mutual_info_matrix(np.column_stack([numbers, Y]))
    assert np.allclose(found, expected) == (share < 0.05)


# -- whole numbers and labels ----------------------------------------------------------


@pytest.mark.parametrize("cls", [skmi.ScoreEstimator, skmi.InfoMaxEncoder])
@pytest.mark.parametrize("kind", ["category", "str"])
def test_encoders_take_no_labels(cls, kind):
    table = pd.DataFrame({"a": X[:, 0], "b": pd.Series(DAYS % 3).astype(kind)})
    with pytest.raises(ValueError, match=r"X holds .* in column .b., .*OneHotEncoder"):
        small(cls).fit(table)


def test_booleans_are_numbers_where_labels_are_none():
    table = pd.DataFrame({"a": X[:, 0] > 0})
    assert read_numbers(table, "X", "GaussianMI") is table


def test_tensors_without_rows_are_refused():
    meta = torch.empty(20, 2, device="meta")
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # nested tensors are a prototype of torch
        ragged = torch.nested.nested_tensor([torch.ones(2), torch.ones(3)])
        layout = torch.nested.nested_tensor([torch.ones(2)], layout=torch.jagged)
    for tensor, match in ((meta, "meta"), (ragged, "pad it"), (layout, "pad it")):
        with pytest.raises(ValueError, match=f"^y is a .*{match}"):
            read_block(tensor, "y")


@pytest.mark.filterwarnings("ignore::skmi.exceptions.SkmiWarning")
@pytest.mark.parametrize("name", ["X", "y", "Z"])
def test_missing_values_have_a_cure(name):
    blocks = {"X": X, "y": Y, "Z": X}
    holed = np.array(blocks[name], dtype=float)
    holed.ravel()[3] = np.nan
    blocks[name] = holed
    calls = [
        lambda: skmi.KSG().fit(**blocks),
        lambda: skmi.inference.conditional_independence_test(**blocks),
    ]
    if name == "X":
        calls += [
            lambda: skmi.ScoreEstimator().fit(holed),
            lambda: skmi.mutual_info_matrix(holed, estimator=skmi.KSG()),
            lambda: skmi.MIFeatureSelector(estimator=skmi.KSG()).fit(holed, Y),
        ]
    for call in calls:
        with pytest.raises(ValueError, match=f"^{name} contains NaN.*Drop") as caught:
            call()
        assert "HistGradientBoosting" not in str(caught.value)
        assert ("missing='bin'" in str(caught.value)) == (name == "X")


@pytest.mark.parametrize("kind", ["array", "list", "pandas", "polars", "mixed"])
@pytest.mark.parametrize("name", ["X", "y", "Z"])
def test_columns_with_missing_values_are_named(kind, name):
    X, Y, Z = np.random.RandomState(0).standard_normal((3, 60, 3))
    blocks = {"X": X, "y": Y, "Z": Z}
    holed = blocks[name].copy()
    holed[3, 1] = holed[5, 2] = np.nan
    frame = pd.DataFrame(holed, columns=["a", "b", "c"])
    if kind == "mixed" and name != "y":
        frame["d"] = "label"
    blocks[name] = {"array": holed, "list": holed.tolist()}.get(kind, frame)
    if kind == "polars":
        blocks[name] = pytest.importorskip("polars").DataFrame(holed, ["a", "b", "c"])
    columns = "1, 2" if kind in ("array", "list") else "'b', 'c'"
    message = rf"^{name} contains NaN in columns {columns}\. Drop"
    with pytest.raises(ValueError, match=message):
        skmi.KSG().fit(**blocks)


def test_columns_with_infinity_or_many_missing_values_are_named():
    X = np.random.RandomState(0).standard_normal((60, 8))
    X[2, 6] = np.inf
    with pytest.raises(ValueError, match=r"in column 6\. Drop those rows"):
        skmi.KSG().fit(X, X[:, 0])
    X[2] = np.nan
    with pytest.raises(ValueError, match=r"columns 0, 1, 2, 3, 4, \.\.\.\. Drop"):
        skmi.KSG().fit(X, X[:, 0])


NUMBERS = np.arange(200) % 30 / 8


@pytest.mark.parametrize("kind", ["str", "object"])
def test_numbers_as_text_are_labels_with_a_warning(kind):
    """In estimators, tables and tests alike; categories are meant as labels."""
    texts = NUMBERS.astype(str).astype(kind)
    table, match = texts[:, np.newaxis], "X holds numbers as text in column 0, such as"
    calls = [
        lambda: skmi.KSG().fit(table, Y),
        lambda: skmi.MIFeatureSelector().fit(table, Y),
        lambda: skmi.mutual_info_matrix(table),
        lambda: skmi.inference.independence_test(texts, Y),
    ]
    for call in calls:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            with pytest.warns(ReliabilityWarning, match=match):
                call()
    for name, arguments in (("y", (X, texts)), ("Z", (X, Y, table))):
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            with pytest.warns(ReliabilityWarning, match=f"{name} holds numbers as"):
                skmi.KSG().fit(*arguments)
    with warnings.catch_warnings():
        warnings.simplefilter("error", ReliabilityWarning)
        skmi.mutual_info_matrix(pd.DataFrame({"a": pd.Categorical(texts), "y": Y}))
        skmi.mutual_info_matrix((np.arange(200) % 5).astype(kind)[:, np.newaxis])


@pytest.mark.filterwarnings("ignore::skmi.exceptions.SkmiWarning")
@pytest.mark.parametrize(
    "write",
    [
        lambda value: f"{value:.3f}".replace(".", ","),
        lambda value: f"{100 * value:.1f}%",
        lambda value: f"{1000 * value:,.2f}",
        lambda value: f"{value:.2f} €".replace(".", ","),
        lambda value: f"${1000 * value:,.0f}",
        lambda value: f"\u2212{value:.2f}",
    ],
)
def test_amounts_as_text_are_labels_with_a_warning(write):
    texts = np.array([write(value) for value in NUMBERS])
    frame = pd.DataFrame({"a": texts, "b": Y})
    for call in (
        lambda: skmi.MixedKSG().fit(frame, Y),
        lambda: skmi.MIFeatureSelector().fit(frame, Y),
        lambda: skmi.mutual_info_matrix(frame),
        lambda: independence_test(texts, Y),
    ):
        with pytest.warns(ReliabilityWarning, match="X holds numbers as text.*1234.5"):
            call()


@pytest.mark.filterwarnings("error::skmi.exceptions.ReliabilityWarning")
@pytest.mark.parametrize("form", ["n{}", "10.0.7.{}", "{}-{}", "{} kg", "1.{}.2", "%"])
def test_other_text_is_not_taken_for_amounts(form):
    texts = [form.format(k, k) for k in (np.arange(200) % 30).tolist()]
    skmi.mutual_info_matrix(pd.DataFrame({"a": texts}))


@pytest.mark.parametrize("other", [int, float, np.float64])
def test_booleans_among_numbers_are_equal_to_them(other):
    """True and 1 are one label, in the matrix, the selector and an estimator."""
    bits = np.random.RandomState(0).randint(2, size=400)
    mixed = [bool(bit) if k % 2 else other(bit) for k, bit in enumerate(bits)]
    column = np.array(mixed, dtype=object)[:, np.newaxis]
    frame = pd.DataFrame({"a": column[:, 0], "b": bits})
    expected = skmi.mutual_info_matrix(np.column_stack([bits, bits]))
    assert expected[0, 0] == pytest.approx(np.log(2), abs=0.01)
    np.testing.assert_allclose(skmi.mutual_info_matrix(frame), expected)
    np.testing.assert_allclose(skmi.mutual_info_matrix(column), expected[:1, :1])
    fitted = skmi.MIFeatureSelector(random_state=0).fit(column, bits)
    assert fitted.scores_[0] == pytest.approx(np.log(2), abs=0.01)
    found = skmi.KSG().fit(column, bits).mutual_info_
    assert found == skmi.KSG().fit(bits[:, np.newaxis], bits).mutual_info_


@pytest.mark.parametrize("gap", [None, np.nan, float("nan")])
def test_labels_with_gaps_are_no_mixture_with_numbers(gap):
    """NaN is a float, and no number."""
    label = np.array(["a", "b", "a", "b", "a", "b"], dtype=object)
    label[2] = gap
    number = np.array([0.3, 1.2, -0.4, 0.9, 0.1, -2.0])
    for fit in (
        lambda: skmi.MixedKSG().fit(label[:, None], number),
        lambda: skmi.KSG().fit(number[:, None], number[::-1], label),
    ):
        with pytest.raises(ValueError, match="contains missing"):
            fit()
