import datetime

import numpy as np
import pandas as pd
import pytest

from skmi.cli.reading import parse_column
from tests.cli.runs import findings, run, write


def test_parquet_gives_the_same_as_csv(planted, tmp_path, capsys):
    csv, parquet = tmp_path / "t.csv", tmp_path / "t.parquet"
    planted.to_csv(csv, index=False)
    planted.to_parquet(parquet)
    first, _ = findings(capsys, tmp_path, csv, "--target", "y")
    second, _ = findings(capsys, tmp_path, parquet, "--target", "y")
    assert first["features"] == second["features"]


@pytest.mark.parametrize(
    ("delimiter", "encoding"), [(";", "utf-8-sig"), ("\t", "utf-8"), (",", "latin-1")]
)
def test_delimiters_and_encodings(planted, tmp_path, capsys, delimiter, encoding):
    path = tmp_path / "t.csv"
    frame = planted.rename(columns={"weak": "schwäche"})
    frame.to_csv(path, index=False, sep=delimiter, encoding=encoding)
    _, found = findings(capsys, tmp_path, path, "--target", "y")
    assert found["schwäche"]["type"] == "continuous"


def test_dates_with_times_and_zones():
    values = ["2020-01-02", "2020-01-02T12:00:00", "2020-01-02T12:00:00+06:00", ""]
    column = parse_column("when", values)
    assert column.kind == "continuous"
    np.testing.assert_allclose(column.values[:3] - 18263, [0, 0.5, 0.25])
    assert column.missing.tolist() == [False, False, False, True]


@pytest.mark.parametrize(
    ("values", "numbers"),
    [
        (["$1,234.50", "-3", "12"], [1234.5, -3, 12]),
        (["9,000", "1,000,000", "5"], [9000, 1e6, 5]),
        (["12.3%", "4 %", "-1%"], [12.3, 4, -1]),
        ([datetime.timedelta(hours=12), datetime.timedelta(days=2)], [0.5, 2]),
    ],
)
def test_amounts_are_numbers(values, numbers):
    column = parse_column("amount", values)
    np.testing.assert_allclose(column.values, numbers)


@pytest.mark.parametrize("value", ["#N/A", "<NA>", "-nan", "NaT", "?", None, pd.NA])
def test_missing_values_do_not_make_text_of_numbers(value):
    column = parse_column("a", ["1.5", value, "2.5"])
    assert column.kind == "continuous"
    assert column.missing.tolist() == [False, True, False]


def test_odd_but_valid_text(tmp_path, capsys):
    """Quoted delimiters in the header, line separators and quotes in the fields."""
    rows = "".join(f'{i}.5,"x\u2028 ""{i % 3}""",{i % 5}\n' for i in range(60))
    path = write(tmp_path / "t.csv", '"a;b;c;d;e",note,y\n' + rows)
    _, found = findings(capsys, tmp_path, path, "--target", "y")
    assert set(found) == {"a;b;c;d;e", "note"}
    assert found["note"]["type"] == "discrete"


def test_parquet_with_types_of_its_own(tmp_path, capsys):
    rng = np.random.RandomState(0)
    number = rng.standard_normal(80)
    frame = pd.DataFrame(
        {
            "nullable": pd.array(np.arange(80) % 30, dtype="Int64"),
            "flag": pd.array([True, None] * 40, dtype="boolean"),
            "when": pd.date_range("2020", periods=80, tz="UTC"),
            "category": pd.Categorical(["u", "v"] * 40),
            "only where there is no target": [*[None] * 79, 1.5],
            "y": [*number[:79], None],
        }
    )
    frame.loc[3, "nullable"] = pd.NA
    path = tmp_path / "t.parquet"
    frame.to_parquet(path)
    record, found = findings(capsys, tmp_path, path, "--target", "y")
    assert record["n_rows"] == 79
    assert found["nullable"]["type"] == found["when"]["type"] == "continuous"
    assert found["flag"]["type"] == found["category"]["type"] == "discrete"
    frame.assign(cells=[[1, 2]] * 80).to_parquet(path)
    status, _, err = run(capsys, path, "--target", "y")
    assert (status, err.count("\n")) == (2, 1)
    frame[:0].to_parquet(path)
    assert "has no rows" in run(capsys, path, "--target", "y")[2]
