import bz2
import csv
import datetime
import gzip
import io
import time
import timeit
import zipfile
from functools import partial

import numpy as np
import pandas as pd
import pytest

from skmi.cli.parsing import are_decimal_commas, has_decimal_comma, parse_column
from skmi.cli.reading import read_table
from skmi.exceptions import SkmiWarning
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


def numbers_of(tmp_path, text, name="t.csv", data=None):
    path = tmp_path / name
    path.write_bytes(text.encode() if data is None else data)
    table, delimiter = read_table(path)
    comma = delimiter != "," and has_decimal_comma(table)
    return {k: parse_column(k, cells, comma) for k, cells in table.items()}


@pytest.mark.parametrize(
    ("cells", "numbers"),
    [
        (["0,625", "1,375", "2"], [0.625, 1.375, 2]),
        (["0,665", "11,3", "-4,5"], [0.665, 11.3, -4.5]),
        (["1.234,5", "870,25", "12"], [1234.5, 870.25, 12]),
        (["1.234", "870", "2,5"], [1234, 870, 2.5]),
        (["2,5 %", "3,25 %", ""], [2.5, 3.25, None]),
        (["2.6", "13.65", "48.9"], [2.6, 13.65, 48.9]),
        (["1,234.50", "9,000.25", "12"], [1234.5, 9000.25, 12]),
    ],
)
@pytest.mark.parametrize("delimiter", [";", "\t"])
def test_decimal_commas(tmp_path, cells, numbers, delimiter):
    lines = [f"{cell}{delimiter}x" for cell in cells]
    column = numbers_of(tmp_path, "\n".join([f"a{delimiter}b", *lines]) + "\n")["a"]
    present = [number for number in numbers if number is not None]
    assert column.values[~column.missing].tolist() == pytest.approx(present)
    assert column.missing.sum() == numbers.count(None)


@pytest.mark.parametrize(
    ("cells", "days"),
    [
        (["13/01/2020", "14/02/2020"], [18274, 18306]),
        (["01/13/2020", "02/14/2020"], [18274, 18306]),
        (["13.01.2020", "14.02.2020"], [18274, 18306]),
        (["13/01/2020 12:00", "14/02/2020 18:00"], [18274.5, 18306.75]),
        (["06:00:00", "18:00:00"], [0.25, 0.75]),
        (["06:00", "18:30"], [0.25, 18.5 / 24]),
    ],
)
def test_dates_and_times_of_day(cells, days):
    column = parse_column("when", cells * 10)
    np.testing.assert_allclose(column.values[:2], days)


@pytest.mark.parametrize("bad", ["n.a.", "unknown", "12.3 kg", "(5)"])
def test_a_bad_cell_does_not_make_labels_of_numbers(bad):
    values = [f"{i}.5" for i in range(100)]
    values[16] = bad
    with pytest.warns(SkmiWarning, match=r"'a': 1 of 100 cells are no numbers .* 17$"):
        column = parse_column("a", values)
    assert column.kind == "continuous"
    assert np.flatnonzero(column.missing).tolist() == [16]
    assert column.values[17] == 17.5
    assert parse_column("a", [*values[:50], *["x"] * 50]).kind == "discrete"


def test_columns_and_rows_that_are_empty(tmp_path):
    rows = "".join(f"{i},5;{i % 3};;\n" for i in range(30))
    found = numbers_of(tmp_path, "CO;y;;\n" + rows + ";;;\n;;;\n\n")
    assert list(found) == ["CO", "y"]
    assert len(found["CO"].values) == 30
    assert found["CO"].values[3] == 3.5
    found = numbers_of(tmp_path, "a,y\n1,2,,\n3,4,,\n")
    assert found["y"].values.tolist() == [2, 4]
    found = numbers_of(tmp_path, ",a\n0,2\n1,4\n")
    assert list(found) == ["column 1", "a"]


@pytest.mark.parametrize(
    ("encoding", "mark"),
    [
        ("utf-8", b"\xef\xbb\xbf"),
        ("utf-16-le", b"\xff\xfe"),
        ("utf-16-be", b"\xfe\xff"),
        ("utf-16-le", b""),
        ("utf-16-be", b""),
        ("latin-1", b""),
    ],
)
@pytest.mark.parametrize("pack", [None, gzip.compress, bz2.compress, "zip"])
def test_encodings_and_archives(tmp_path, encoding, mark, pack):
    data = mark + "größe,y\n1.5,2\n3.5,4\n".encode(encoding)
    if pack == "zip":
        stream = io.BytesIO()
        with zipfile.ZipFile(stream, "w") as archive:
            archive.writestr("folder/t.csv", data)
        data = stream.getvalue()
    elif pack:
        data = pack(data)
    found = numbers_of(tmp_path, "", "table", data)
    assert found["größe"].values.tolist() == [1.5, 3.5]


def test_lines_before_the_header(tmp_path):
    comments = "# made, on a day\n#\n\n", "# a; b\n", "\n\n"
    for start in ("sep=;\n", '"sep=;"\r\n', *comments):
        found = numbers_of(tmp_path, start + "a;y\n1,5;2\n3,5;4\n")
        assert found["a"].values.tolist() == [1.5, 3.5], start
    assert list(numbers_of(tmp_path, "#a;y\n1;2\n3;4\n")) == ["#a", "y"]
    found = numbers_of(tmp_path, "a|y\n1|2\n3|4\n")
    assert list(found) == ["a", "y"]


def test_broken_archives_are_refused_in_one_line(tmp_path, capsys):
    for data in (b"\x1f\x8b123", b"BZh9123", b"PK\x03\x04123"):
        path = tmp_path / "t"
        path.write_bytes(data)
        status, _, err = run(capsys, path, "--target", "y")
        assert (status, err.count("\n")) == (2, 1)
        assert "cannot be unpacked" in err


def test_feather_and_a_named_index(tmp_path):
    frame = pd.DataFrame({"a": [1.5, 2.5], "y": [1, 2]})
    frame.to_feather(tmp_path / "t.feather")
    assert read_table(tmp_path / "t.feather")[0]["a"] == [1.5, 2.5]
    frame.set_index("a").to_parquet(tmp_path / "t.parquet")
    assert read_table(tmp_path / "t.parquet")[0]["a"] == [1.5, 2.5]


def test_names_of_wide_tables_are_checked_in_linear_time(tmp_path):
    """Each doubling of the columns doubles the time, give or take."""
    least = []
    for n_columns in (2000, 16000):
        names = ",".join(f"c{k}" for k in range(n_columns))
        row = ",".join(["1"] * n_columns)
        path = write(tmp_path / "t.csv", f"{names}\n{row}\n{row}\n")
        # Another process may slow some of the runs; garbage is not collected in them.
        times = timeit.repeat(
            partial(read_table, path), timer=time.process_time, number=1, repeat=5
        )
        least.append(min(times))
    assert least[1] < 16 * least[0]  # 64 times as long if quadratic


def small_table(names, *columns):
    """Return the text of a table of 60 rows."""
    rows = zip(*columns, strict=True)
    return (
        "\n".join([",".join(names), *(",".join(map(str, row)) for row in rows)]) + "\n"
    )


@pytest.mark.parametrize("quote", ["", '"'])
@pytest.mark.parametrize("gap", [None, 7])
def test_codes_with_leading_zeros_are_labels(tmp_path, quote, gap):
    """With pandas and without, and with a missing value: "01" is not "1"."""
    codes = [["01", "1", "0007"][i % 3] for i in range(60)]
    codes = [
        "" if i == gap else f"{quote}{code}{quote}" for i, code in enumerate(codes)
    ]
    path = write(tmp_path / "t.csv", small_table(["zip", "x"], codes, range(60)))
    columns, _ = read_table(path)
    with pytest.warns(SkmiWarning, match="'zip' holds .* leading zeros, such as '0"):
        column = parse_column("zip", columns["zip"])
    assert column.kind == "discrete"
    assert len(np.unique(column.values[~column.missing])) == 3
    assert column.missing.sum() == (gap is not None)


def test_padded_decimals_and_zeros_are_numbers(tmp_path):
    cells = [f"0{i / 8}" if i % 2 else "0" for i in range(60)]
    path = write(tmp_path / "t.csv", small_table(["a", "b"], cells, [0, 10] * 30))
    columns, _ = read_table(path)
    assert parse_column("a", columns["a"]).values.tolist() == list(map(float, cells))
    assert parse_column("b", columns["b"]).values.tolist() == [0, 10] * 30


@pytest.mark.parametrize("sign", ["\u2212", "\u2013"])
@pytest.mark.parametrize("decimal", [".", ","])
def test_minus_signs_of_texts(sign, decimal):
    cells = [f"{sign}{i}{decimal}25" for i in range(1, 40)] + [sign]
    column = parse_column("a", cells, decimal_comma=decimal == ",")
    assert column.values[:-1].tolist() == [-i - 0.25 for i in range(1, 40)]
    assert column.missing.tolist() == [False] * 39 + [True]


@pytest.mark.parametrize("gap", [None, "", "n/a"])
@pytest.mark.parametrize("kind", ["csv", "parquet"])
def test_identifiers_beyond_floats_stay_distinct(tmp_path, gap, kind):
    """Neighbours of 2**60, and numbers of thirty digits."""
    small = [i % 20 for i in range(60)]
    for start in (2**60, 10**30):
        cells = [start + code for code in small]
        if gap is not None:
            cells[5] = gap
        if kind == "csv":
            text = small_table(["id", "x"], cells, range(60))
            columns, _ = read_table(write(tmp_path / "t.csv", text))
        elif start == 2**60 and gap != "n/a":
            column = pd.array([None if c == gap else c for c in cells], dtype="Int64")
            pd.DataFrame({"id": column}).to_parquet(tmp_path / "t.parquet")
            columns, _ = read_table(tmp_path / "t.parquet")
        else:
            continue
        column = parse_column("id", columns["id"])
        assert column.values[~column.missing].tolist() == [
            code for code, cell in zip(small, cells, strict=True) if cell != gap
        ]


def test_columns_between_spaces(tmp_path):
    text = "a    b  y\n" + "".join(f"{i:4d} {i / 3:7.2f}  {i % 2}\n" for i in range(30))
    columns, _ = read_table(write(tmp_path / "t.txt", text))
    assert [*columns] == ["a", "b", "y"]
    assert parse_column("b", columns["b"]).values[3] == 1.0


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("a,y\n", "has no rows below its header"),
        ("", "is empty: it has no rows and no header"),
        ("a b y\n1 2\n3 4 5\n", "has one column, 'a b y'; separate the columns by"),
        ('[{"a": 1, "y": 2}, {"a": 2, "y": 3}]', "is JSON, which is not read"),
        ('[\n  {"a": 1,\n   "y": 2}]\n', "is JSON, which is not read"),
        ('{"a": 1, "y": 2}\n{"a": 2, "y": 3}\n', "is JSON, which is not read"),
        ('{"a": {"0": 1}, "y": {"0": 2}}', "pandas.read_json"),
    ],
)
def test_files_without_a_table(tmp_path, capsys, text, message):
    status, _, errors = run(capsys, write(tmp_path / "t.csv", text), "--target", "y")
    assert status == 2
    assert message in errors


def test_quoted_decimal_commas_are_numbers(tmp_path, capsys):
    rng = np.random.RandomState(0)
    a = rng.standard_normal(300)
    frame = pd.DataFrame({"a": a, "y": a + rng.standard_normal(300)}).round(4)
    plain = tmp_path / "plain.csv"
    frame.to_csv(plain, index=False)
    quoted = tmp_path / "quoted.csv"
    frame.astype(str).map(lambda text: text.replace(".", ",")).to_csv(
        quoted, index=False, quoting=csv.QUOTE_ALL
    )
    expected, of_plain = findings(capsys, tmp_path, plain, "--target", "y")
    record, of_quoted = findings(capsys, tmp_path, quoted, "--target", "y")
    assert record["target_type"] == expected["target_type"] == "continuous"
    assert of_quoted["a"] == of_plain["a"]


@pytest.mark.parametrize(
    ("cells", "numbers"),
    [
        (["1,234", "12,345", "9,000"], [1234.0, 12345.0, 9000.0]),
        (["1,234.5", "12,345.25", "9,000.0"], [1234.5, 12345.25, 9000.0]),
        (["0,234", "12,345", "0,071"], [0.234, 12.345, 0.071]),
        (["1.234,5", "-12,25", "7"], [1234.5, -12.25, 7.0]),
        (["12,50 €", "1.200,25 €", "0,99 €"], [12.5, 1200.25, 0.99]),
    ],
)
def test_commas_between_quotes(tmp_path, capsys, cells, numbers):
    rows = "".join(f'"{cell}",{i}.5\n' for i, cell in enumerate(cells * 10))
    table, delimiter = read_table(write(tmp_path / "t.csv", "a,y\n" + rows))
    assert delimiter == ","
    column = parse_column("a", table["a"], are_decimal_commas(table["a"]))
    np.testing.assert_allclose(column.values, numbers * 10)


def test_names_with_commas_stay_labels(tmp_path):
    cells = ["Smith, 12", "Jones, 7", "1,2,3"] * 10
    assert not are_decimal_commas(cells)
    assert parse_column("a", cells).kind == "discrete"
