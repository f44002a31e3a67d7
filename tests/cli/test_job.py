import re
import subprocess
import sys
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from skmi import MIFeatureSelector, mutual_info_matrix
from skmi.cli import job
from skmi.cli.parsing import parse_column
from tests.cli.runs import GOOD, TABULAR, findings, load_table, run, write


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


def test_one_number_for_job_selector_and_matrix(tmp_path, capsys):
    rng = np.random.default_rng(0)
    z, noise = rng.standard_normal((2, 600))
    frame = pd.DataFrame({"number": z + noise, "text": np.where(z > 0, "up", "down")})
    frame["count"] = rng.poisson(np.exp(z))
    frame["y"] = z
    path = tmp_path / "t.csv"
    frame.to_csv(path, index=False)
    _, found = findings(capsys, tmp_path, path, "--target", "y", "--seed", 3)
    matrix = mutual_info_matrix(frame)
    selector = MIFeatureSelector(random_state=0).fit(frame.drop(columns="y"), z)
    for k, name in enumerate(["number", "text", "count"]):
        entry = found[name]
        assert entry["mutual_info"] == pytest.approx(selector.scores_[k])
        assert entry["mutual_info"] == pytest.approx(matrix.loc[name, "y"], abs=1e-5)
        assert entry["standard_error"] == pytest.approx(selector.standard_errors_[k])
        assert entry["mutual_info"] <= entry["ceiling"]
        assert entry["selected"] == (entry["step_pvalue"] is not None)
    truths = {"number": -0.5 * np.log(0.5), "text": np.log(2)}
    for name, truth in truths.items():
        error = found[name]["standard_error"]
        assert found[name]["mutual_info"] == pytest.approx(truth, abs=3 * error)
    assert found["text"]["ceiling"] == pytest.approx(np.log(2), abs=0.01)


def test_bundled_table(capsys):
    status, out, err = run(capsys, "--n-permutations", 20)
    assert status == 0
    assert err == ""
    lines = out.splitlines()
    assert lines[0] == "diabetes, bundled with scikit-learn: 442 rows"
    assert {line.split()[0] for line in lines[4:6]} == {"bmi", "s5"}
    assert max(map(len, lines)) <= 80


def test_the_readme_shows_what_is_printed(capsys):
    """Up to the figures, which other versions of scipy may round otherwise."""
    text = (Path(__file__).parents[2] / "README.rst").read_text(encoding="utf-8")
    _, out, _ = run(capsys)
    assert features_and_stars(text) == features_and_stars(out)


def features_and_stars(text):
    """Return the names of the features of a printed table, each with its star."""
    rows = re.findall(r"(?m)^ *(\w+) +(?:number|label) .*$", text)
    stars = re.findall(r"(?m)^ *(\w+) +(?:number|label) .*\*", text)
    return [(name, name in stars) for name in rows]


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
        values = np.column_stack(
            [rng.standard_normal((80, 5)), rng.randint(4, size=80)]
        )
        features = [(f"c{i}", "continuous") for i in range(5)] + [("d", "discrete")]
        target = parse_column("y", rng.standard_normal(80).tolist())
        table = job.Table("noise", features, values, target, 0)
        found, _ = job.measure(table, 99, seed)
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
    assert "More informative together than alone:\n" in out
    assert max(map(len, out.splitlines())) <= 80


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


def test_identifiers_are_noted(tmp_path, capsys):
    text = "name,y\n" + "".join(f"n{i},{i % 7}.5\n" for i in range(60))
    status, _, err = run(capsys, write(tmp_path / "t.csv", text), "--target", "y")
    assert status == 0
    assert "column 'name' holds text that is mostly different" in err


def test_notes_about_features_do_not_name_another_column(tmp_path, capsys):
    rng = np.random.RandomState(0)
    frame = pd.DataFrame({"uid": [f"u{k}" for k in range(300)]})
    frame["code"] = rng.randint(40, size=300).astype(str)
    frame["code"] = "c" + frame["code"]
    frame["y"] = rng.standard_normal(300)
    path = tmp_path / "ids.csv"
    frame.to_csv(path, index=False)
    status, _, err = run(capsys, path, "--target", "y")
    assert status == 0
    assert "column 'uid' holds text" in err
    assert "no feature is significantly informative" in err
    assert err.count("\n") == 2


def test_a_renamed_copy_is_no_interaction(tmp_path, capsys):
    rng = np.random.default_rng(0)
    level, names = rng.integers(20, size=3000), rng.permutation(20)
    y = rng.random(3000) < 1 / (1 + np.exp(-rng.normal(size=20)[level]))
    frame = pd.DataFrame({"state": level, "code": names[level], "y": y})
    frame["state"] = "S" + frame["state"].astype(str)
    frame["code"] = "C" + frame["code"].astype(str)
    path = tmp_path / "t.csv"
    frame.to_csv(path, index=False)
    record, found = findings(capsys, tmp_path, path, "--target", "y")
    assert record["interactions"] == []
    assert found["state"]["mutual_info"] == pytest.approx(found["code"]["mutual_info"])


def test_one_bad_cell_is_named(tmp_path, capsys):
    rows = "".join(f"{i % 37}.5,{i * i % 11}.5\n" for i in range(100))
    path = write(tmp_path / "t.csv", "a,y\n" + rows.replace("16.5,", "n.a,", 1))
    status, out, err = run(capsys, path, "--target", "y")
    assert status == 0
    assert "column 'a': 1 of 100 cells are no numbers" in err
    assert "'n.a' in row 17" in err
    assert "number" in out


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


def test_without_matplotlib_the_plot_is_refused_before_the_work(capsys, monkeypatch):
    monkeypatch.setitem(sys.modules, "matplotlib", None)
    monkeypatch.setattr(job, "load", pytest.fail)
    status, out, err = run(capsys, "--plot", "ranking.png")
    assert (status, out) == (2, "")
    assert "--plot needs matplotlib; install it with: pip install matplotlib" in err


def test_stars_of_few_permutations_are_significant(tmp_path, capsys):
    for seed in range(8):
        rng = np.random.RandomState(seed)
        path = tmp_path / "noise.csv"
        frame = pd.DataFrame(rng.standard_normal((300, 3)), columns=["a", "b", "y"])
        frame.to_csv(path, index=False)
        options = (path, "--target", "y", "--n-permutations", 30)
        _, found = findings(capsys, tmp_path, *options)
        selected = [entry for entry in found.values() if entry["selected"]]
        assert all(entry["step_pvalue"] <= 0.05 for entry in selected)
        note = "no feature is significantly informative" in run(capsys, *options)[2]
        assert note == (not selected)


@pytest.mark.parametrize(("n_permutations", "is_enough"), [(18, False), (19, True)])
def test_too_few_permutations_for_the_level(
    tmp_path, capsys, n_permutations, is_enough
):
    a = np.random.RandomState(0).standard_normal(300)
    path = tmp_path / "t.csv"
    pd.DataFrame({"a": a, "y": a**3}).to_csv(path, index=False)
    options = (path, "--target", "y", "--n-permutations", n_permutations)
    _, found = findings(capsys, tmp_path, *options)
    assert found["a"]["selected"] == is_enough
    noted = "18 permutations cannot reach the level 0.05" in run(capsys, *options)[2]
    assert noted != is_enough


def test_a_target_of_identifiers_is_named(tmp_path, capsys):
    rows = [f"{i % 7}.5,n{i}\n" for i in range(60)]
    path = write(tmp_path / "t.csv", "a,uid\n" + "".join(rows))
    status, out, err = run(capsys, path, "--target", "uid")
    assert (status, out) == (2, "")
    assert "the target 'uid' holds text that is different in each row" in err
    path = write(tmp_path / "t.csv", "a,uid\n1.5,n3\n" + "".join(rows))
    status, _, err = run(capsys, path, "--target", "uid")
    assert status == 0
    assert "column 'uid' holds text that is mostly different" in err


def test_rows_of_a_series_are_noted_and_permuted_in_blocks(tmp_path, capsys):
    rng = np.random.default_rng(3)
    noise = rng.standard_normal((1500, 6))
    for now, before in zip(noise[1:], noise[:-1], strict=True):
        now += 0.97 * before  # six independent series
    frame = pd.DataFrame(noise, columns=[*"abcde", "y"])
    frame.loc[::50, "a"] = np.nan
    frame.to_csv(tmp_path / "series.csv", index=False)
    frame.sample(frac=1, random_state=0).to_csv(tmp_path / "mixed.csv", index=False)
    asked = tmp_path / "series.csv", "--target", "y", "--n-permutations", 99
    _, found, notes = run(capsys, *asked)
    assert "look like series" in notes
    assert "--block-length" in notes
    assert "*" in found.split("\n\n")[1]
    status, found, notes = run(capsys, *asked, "--block-length", 150)
    assert status == 0
    assert "look like series" not in notes
    assert "*" not in found.split("\n\n")[1]
    _, _, notes = run(capsys, tmp_path / "mixed.csv", *asked[1:])
    assert "look like series" not in notes
    status, _, notes = run(capsys, *asked, "--block-length", 0)
    assert status == 2
    assert "--block-length must be at least 1" in notes
