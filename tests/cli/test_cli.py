import datetime
import json
import os
import subprocess
import sys
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from skmi.cli import job

TABULAR = Path(__file__).parents[3] / "shared" / "data" / "tabular"


def run(capsys, *arguments):
    """Run the job; return its status, output and errors."""
    status = job.main([str(argument) for argument in arguments])
    captured = capsys.readouterr()
    return status, captured.out, captured.err


def write(path, text, encoding="utf-8"):
    path.write_text(text, encoding=encoding)
    return path


@pytest.fixture
def planted(tmp_path):
    """A table with columns of known strength, kinds of all sorts and holes."""
    rng = np.random.RandomState(0)
    n = 400
    strong, weak, noise, error = rng.standard_normal((4, n))
    group = rng.randint(3, size=n)
    days = [datetime.date(2020, 1, 1) + datetime.timedelta(i) for i in range(n)]
    frame = pd.DataFrame(
        {
            "weak": weak,
            "noise": noise,
            "strong": strong,
            "group": np.array(["red", "green", "blue"])[group],
            "rank": group + 1,
            "id": [f"row {i}" for i in range(n)],
            "day": days,
            "constant": "always",
            "empty": np.nan,
            "y": strong + 0.6 * weak + group + 0.5 * error,
        }
    )
    frame.loc[::7, "strong"] = np.nan
    frame.loc[::5, "group"] = None
    return frame


def findings(capsys, tmp_path, *arguments):
    path = tmp_path / "out.json"
    status, _, _ = run(capsys, *arguments, "--json", path)
    assert status == 0
    record = json.loads(path.read_text(), parse_constant=pytest.fail)
    return record, {entry["feature"]: entry for entry in record["features"]}


def test_planted_truth(planted, tmp_path, capsys):
    path = tmp_path / "table.csv"
    planted.to_csv(path, index=False)
    record, found = findings(capsys, tmp_path, path, "--target", "y")
    order = [entry["feature"] for entry in record["features"]]
    assert order[0] == "strong"
    assert set(order[:3]) == {"strong", "group", "rank"}
    for name in ("strong", "group", "rank", "weak"):
        assert found[name]["pvalue"] <= 0.02, name
    for name in ("noise", "id", "day", "constant", "empty"):
        assert found[name]["pvalue"] > 0.05, name
    for name in ("id", "constant", "empty"):
        assert found[name]["mutual_info"] == pytest.approx(0.0, abs=1e-9)
    kinds = {name: entry["type"] for name, entry in found.items()}
    assert kinds["day"] == kinds["strong"] == "continuous"
    assert kinds["group"] == kinds["rank"] == kinds["id"] == "discrete"
    assert record["target_type"] == "continuous"
    values = [entry["mutual_info"] for entry in record["features"]]
    assert values == sorted(values, reverse=True)
    for entry in record["features"]:
        positive = max(entry["mutual_info"], 0)
        assert entry["scale"] == pytest.approx(np.sqrt(1 - np.exp(-2 * positive)))


def test_mutual_info_of_the_job_is_that_of_the_estimator(planted, tmp_path, capsys):
    from skmi import KSG

    path = tmp_path / "table.csv"
    planted.to_csv(path, index=False)
    _, found = findings(capsys, tmp_path, path, "--target", "y", "--seed", 3)
    estimator = KSG(n_neighbors=10, random_state=3).fit(planted[["weak"]], planted["y"])
    assert found["weak"]["mutual_info"] == pytest.approx(estimator.mutual_info_)
    assert found["weak"]["standard_error"] == pytest.approx(estimator.standard_error_)


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


def test_bits_and_seed(planted, tmp_path, capsys):
    path = tmp_path / "t.csv"
    planted.to_csv(path, index=False)
    options = (path, "--target", "y", "--n-permutations", 50)
    nats, in_nats = findings(capsys, tmp_path, *options)
    bits, in_bits = findings(capsys, tmp_path, *options, "--bits")
    again, _ = findings(capsys, tmp_path, *options)
    assert again == nats
    assert (nats["unit"], bits["unit"]) == ("nats", "bits")
    for name, entry in in_bits.items():
        for key in ("mutual_info", "standard_error"):
            assert entry[key] * np.log(2) == pytest.approx(in_nats[name][key])
        assert entry["scale"] == in_nats[name]["scale"]
    assert in_nats["strong"]["pvalue"] == pytest.approx(1 / 51)
    other, _ = findings(capsys, tmp_path, *options, "--seed", 1)
    assert other != nats


def test_bundled_table(capsys):
    status, out, err = run(capsys, "--n-permutations", 20)
    assert status == 0
    assert err == ""
    lines = out.splitlines()
    assert lines[0] == "diabetes, bundled with scikit-learn: 442 rows"
    assert lines[4].split()[0] == "s5"
    assert max(map(len, lines)) <= 80


def test_labels_as_target(tmp_path, capsys):
    rng = np.random.RandomState(0)
    label = rng.randint(2, size=300)
    frame = pd.DataFrame(
        {
            "number": label + 0.3 * rng.standard_normal(300),
            "copy": np.where(label, "a", "b"),
            "noise": rng.choice(list("abc"), size=300),
            "survived": label,
        }
    )
    path = tmp_path / "t.csv"
    frame.loc[:9, "survived"] = None
    frame.to_csv(path, index=False)
    record, found = findings(capsys, tmp_path, path, "--target", "survived")
    assert record["n_rows"] == 290
    assert record["target_type"] == "discrete"
    assert found["copy"]["mutual_info"] == pytest.approx(np.log(2), abs=0.01)
    assert found["number"]["mutual_info"] == pytest.approx(0.56, abs=0.08)
    assert found["noise"]["pvalue"] > 0.05


@pytest.mark.filterwarnings("ignore::skmi.exceptions.NothingSelectedWarning")
def test_pvalues_hold_their_level_on_noise():
    """No dependence anywhere: few tables may name any column."""
    named = 0
    for seed in range(60):
        rng = np.random.RandomState(seed)
        columns = [
            job.parse_column(f"c{i}", rng.standard_normal(80).tolist())
            for i in range(5)
        ]
        columns.append(job.parse_column("d", rng.randint(4, size=80).tolist()))
        target = job.parse_column("y", rng.standard_normal(80).tolist())
        found, _ = job.scan(columns, target, 99, seed)
        named += min(finding.pvalue for finding in found) <= 0.05
    assert named <= 8  # binomial(60, 0.05): 8 or fewer with probability 0.99


def test_redundant_columns_and_pairs_are_named(tmp_path, capsys):
    rng = np.random.RandomState(0)
    first, second, main, error = rng.standard_normal((4, 800))
    frame = pd.DataFrame(
        {
            "first": first,
            "second": second,
            "main": main,
            "copy of main": main + 0.2 * error,
            "y": np.sign(first * second) + main,
        }
    )
    path = tmp_path / "t.csv"
    frame.to_csv(path, index=False)
    record, found = findings(capsys, tmp_path, path, "--target", "y")
    assert found["copy of main"]["redundant_with"] == "main"
    assert found["main"]["redundant_with"] is None
    assert all(found[name]["selected"] for name in ("first", "second", "main"))
    assert {record["interactions"][0][side] for side in ("first", "second")} == {
        "first",
        "second",
    }
    _, out, _ = run(capsys, path, "--target", "y")
    assert "Tell more together than each alone:\n" in out
    assert max(map(len, out.splitlines())) <= 80


GOOD = "a,y\n" + "".join(f"{i % 7},{i * i % 11}.5\n" for i in range(40))


@pytest.mark.parametrize(
    ("text", "arguments", "complaint"),
    [
        ("", ["--target", "y"], "has no rows"),
        ("a,y\n", ["--target", "y"], "has no rows"),
        (GOOD, ["--target", "z"], "no column 'z'; there are a, y"),
        (
            GOOD.replace("a,y", "a,income"),
            ["--target", "incone"],
            "did you mean 'income'",
        ),
        (GOOD, [], "name the target: --target COLUMN, one of a, y"),
        ("a,y\n1,2,3\n", ["--target", "y"], "record 2 has 3 fields, the header 2"),
        ("a,a,y\n1,2,3\n", ["--target", "y"], "two columns of the name 'a'"),
        ("a,y\n1,2\n2,3\n", ["--target", "y"], "2 rows have a target; 20 are needed"),
        ("y\n" + "1.5\n2\n" * 30, ["--target", "y"], "no column besides the target"),
        ("a,y\n" + "1,3\n2,3\n" * 30, ["--target", "y"], "has one value only"),
        (GOOD + "inf,3\n", ["--target", "y"], "column 'a' holds infinite values"),
        (GOOD, ["--target", "y", "--n-permutations", "0"], "at least 1"),
        (GOOD, ["--target", "y", "--seed", "-1"], "--seed must lie between"),
        ("a,y\n\0\0,1\n", ["--target", "y"], "is not a text file"),
    ],
)
def test_refusals_are_one_line_and_status_2(
    tmp_path, capsys, text, arguments, complaint
):
    path = write(tmp_path / "t.csv", text)
    status, out, err = run(capsys, path, *arguments)
    assert status == 2
    assert out == ""
    assert err.startswith("skmi: ")
    assert err.count("\n") == 1
    assert complaint in err


def test_other_refusals(tmp_path, capsys):
    assert "there is no file" in run(capsys, tmp_path / "no.csv", "--target", "y")[2]
    fake = write(tmp_path / "fake.parquet", "not parquet")
    status, _, err = run(capsys, fake, "--target", "y")
    assert (status, err.count("\n")) == (2, 1)
    good = write(tmp_path / "t.csv", GOOD)
    nowhere = tmp_path / "no" / "out.json"
    status, _, err = run(capsys, good, "--target", "y", "--json", nowhere)
    assert (status, err.count("\n")) == (2, 1)


def test_repeated_rows_are_noted(tmp_path, capsys):
    rng = np.random.RandomState(0)
    frame = pd.DataFrame(rng.standard_normal((60, 2)), columns=["a", "y"])
    path = tmp_path / "t.csv"
    pd.concat([frame] * 5).to_csv(path, index=False)
    status, _, err = run(capsys, path, "--target", "y")
    assert status == 0
    assert err.startswith("note: 300 of 300 rows occur more than once")


def test_dates_with_times_and_zones():
    values = ["2020-01-02", "2020-01-02T12:00:00", "2020-01-02T12:00:00+06:00", ""]
    column = job.parse_column("when", values)
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
    column = job.parse_column("amount", values)
    np.testing.assert_allclose(column.values, numbers)


@pytest.mark.parametrize("value", ["#N/A", "<NA>", "-nan", "NaT", "?", None, pd.NA])
def test_missing_values_do_not_make_text_of_numbers(value):
    column = job.parse_column("a", ["1.5", value, "2.5"])
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


def test_identifiers_are_noted(tmp_path, capsys):
    text = "name,y\n" + "".join(f"n{i},{i % 7}.5\n" for i in range(60))
    status, _, err = run(capsys, write(tmp_path / "t.csv", text), "--target", "y")
    assert status == 0
    assert "column 'name' holds text that is mostly different" in err


def test_names_that_the_terminal_cannot_show(tmp_path):
    text = "größe,y\n" + "".join(f"{i},{i % 7}.5\n" for i in range(60))
    path = write(tmp_path / "t.csv", text)
    command = [sys.executable, "-m", "skmi", str(path), "--target", "y"]
    done = subprocess.run(
        command,
        capture_output=True,
        check=True,
        env={**os.environ, "PYTHONIOENCODING": "ascii"},
    )
    assert b"gr??e" in done.stdout


def test_as_a_command(tmp_path):
    command = [sys.executable, "-m", "skmi", "--n-permutations", "5"]
    done = subprocess.run(command, capture_output=True, text=True, check=True)
    assert "bmi" in done.stdout


@pytest.mark.parametrize(
    ("name", "top"),
    [
        ("adult", {"relationship", "marital-status"}),
        ("titanic", {"Sex"}),
        ("ames_housing", {"Overall Qual", "Neighborhood"}),
    ],
)
def test_real_tables(tmp_path, capsys, name, top):
    if not (TABULAR / f"{name}.npz").is_file():
        pytest.skip(f"the table {name} is not beside the checkout")
    frame = load_table(TABULAR / f"{name}.npz")
    path = tmp_path / f"{name}.csv"
    frame.to_csv(path, index=False)
    record, found = findings(
        capsys, tmp_path, path, "--target", "TARGET", "--n-permutations", 50
    )
    assert record["features"][0]["feature"] in top
    assert len(found) == frame.shape[1] - 1
    assert all(np.isfinite(e["mutual_info"]) for e in record["features"])


def load_table(path):
    """Rebuild a mixed table from its arrays."""
    data = np.load(path)
    frame = pd.DataFrame(data["X_num"], columns=data["num_names"].tolist())
    levels = json.loads(str(data["cat_levels_json"]))
    for i, name in enumerate(data["cat_names"].tolist()):
        names = levels[name] if isinstance(levels, dict) else levels[i]
        frame[name] = pd.Categorical.from_codes(data["X_cat"][:, i], names)
    target = data["y"]
    if str(data["kind"]) == "class":
        target = pd.Categorical.from_codes(
            target, json.loads(str(data["y_levels_json"]))
        )
    frame["TARGET"] = target
    return frame


def test_the_ranking_is_drawn(planted, tmp_path, capsys):
    pytest.importorskip("matplotlib")
    table, picture = tmp_path / "table.csv", tmp_path / "ranking.png"
    planted.to_csv(table, index=False)
    arguments = [table, "--target", "y", "--n-permutations", "39"]
    status, out, err = run(capsys, *arguments, "--plot", picture)
    assert status == 0
    assert picture.read_bytes().startswith(b"\x89PNG")
    assert (out, err) == run(capsys, *arguments)[1:]
    status, _, err = run(capsys, *arguments, "--plot", tmp_path / "ranking.docx")
    assert status == 2
    assert "cannot draw to" in err


def test_without_matplotlib_the_plot_is_refused_before_the_work(capsys, monkeypatch):
    monkeypatch.setitem(sys.modules, "matplotlib", None)
    monkeypatch.setattr(job, "load", pytest.fail)
    status, out, err = run(capsys, "--plot", "ranking.png")
    assert (status, out) == (2, "")
    assert "--plot needs matplotlib; install it with: pip install skmi[plot]" in err


def test_the_output_fits_a_terminal(capsys):
    _, out, _ = run(capsys, "--n-permutations", "39")
    assert max(map(len, out.splitlines())) <= 80
