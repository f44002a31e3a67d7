"""The pages of the benchmarks are those of their tables; nothing here needs torch."""

import argparse
import csv
import functools
import re
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from benchmarks import leaders, registry, report, tables


@pytest.mark.parametrize("name", report.PAGES)
def test_pages_are_written_from_the_tables(name):
    assert report.PAGES[name].read_text(encoding="utf-8") == report.render(name)


def copy_results(folder, *, without):
    for path in tables.RESULTS.glob("*.csv"):
        if path.stem not in without:
            shutil.copy(path, folder)
    return folder


@pytest.mark.parametrize(
    ("page", "name", "figure"),
    [
        ("papers.rst", "growth", "2 and 20 dimensions,curve,not run,growth"),
        ("papers.rst", "infomax", "table,not run,infomax"),
        ("README.rst", "soak", "difficult tables:\n    not run finite estimates"),
        ("README.rst", "large", "not run"),
        ("leaderboard.rst", "leaderboard", "All tasks\n---------\n\nnot run"),
    ],
)
def test_page_without_a_table_says_not_run(tmp_path, page, name, figure):
    whole = report.render(page)
    less = report.render(page, copy_results(tmp_path, without=[name]))
    assert figure in less
    assert less.count("not run") > whole.count("not run")


def test_page_without_any_table_has_no_figure_of_ours(tmp_path):
    with open(report.TEMPLATES / "papers.csv", newline="", encoding="utf-8") as file:
        lines = list(csv.DictReader(file))
    page = report.Page(tmp_path)
    for line in lines:
        # Settings are typed as ".1"; a figure has a digit before its point.
        ours = page.fill_cell(line["ours"])
        assert not re.search(r"\d\.\d", ours), line["experiment"]
        assert "{{" not in line["ours"] or ours == "not run"
        assert line["claimed"]
        assert line["where read"]


class Without(report.Page):
    """A page of all tables but one."""

    def __init__(self, missing=None):
        super().__init__(tables.RESULTS)
        self.missing = missing

    def rows(self, name):
        rows = super().rows(name)
        return [] if name == self.missing else rows

    def origin(self, name):
        return ["not run"] if name == self.missing else super().origin(name)


@pytest.mark.parametrize("name", report.PAGES)
def test_page_says_not_run_for_any_table_that_is_missing(monkeypatch, name):
    for read in ("read_table", "read_header"):
        monkeypatch.setattr(report, read, functools.cache(getattr(report, read)))
    template = (report.TEMPLATES / name).read_text(encoding="utf-8")
    page = Without()
    whole = page.fill(template)
    assert page.used
    for used in page.used:
        if page.rows(used):
            less = Without(used).fill(template)
            fewer = n_figures(less) < n_figures(whole)
            assert fewer or less.count("not run") > whole.count("not run"), used
            assert "not run" in less


def n_figures(text):
    return len(re.findall(r"\d\.\d", text))


class Changed(report.Page):
    """A page of tables in which every cell of some columns is another."""

    def __init__(self, *columns):
        super().__init__(tables.RESULTS)
        self.columns = columns

    def rows(self, name):
        return [
            row | {key: other(row[key]) for key in self.columns if row.get(key)}
            for row in super().rows(name)
        ]


def other(cell):
    try:
        return repr(1.7 * float(cell) + 13.3)
    except ValueError:
        return f"other {cell}"


def references(name):
    """Return the references of a page to single figures, with the column of each."""
    text = (report.TEMPLATES / name).read_text(encoding="utf-8")
    if name == "papers.rst":
        text += (report.TEMPLATES / "papers.csv").read_text(encoding="utf-8")
        text = text.replace('""', '"')
    for found in report.REFERENCE.findall(text):
        parts = [part.strip() for part in " ".join(found.split()).split(":")]
        is_figure = len(parts) > 2 and not parts[0].startswith(
            ("count", "rows", "means", "figure ")
        )
        if is_figure and parts[0] != "leaderboard" and f"{parts[2]}=" not in parts[1]:
            yield ":".join(parts), parts[2]


@pytest.mark.parametrize("name", ["papers.rst", "README.rst"])
def test_every_figure_follows_the_cells_of_its_column(name):
    n_found = 0
    for reference, column in references(name):
        text = report.Page(tables.RESULTS).cell(reference)
        if "not run" not in text:
            n_found += 1
            changed = Changed(column).cell(reference)
            pairs = zip(changed.split(" / "), text.split(" / "), strict=True)
            same = {old for new, old in pairs if new == old}
            assert same <= {"not finite"}, reference
    assert n_found > 10


@pytest.mark.parametrize(
    "column", ["estimate", "truth", "cpu_s", "outcome", "status", "low"]
)
def test_the_leaderboard_follows_the_cells_of_its_table(column):
    groups = {row["group"] for row in tables.read_table(leaderboard())}
    kept, changed = report.Page(tables.RESULTS), Changed(column)
    assert any(changed.leaders(group) != kept.leaders(group) for group in groups)


def leaderboard():
    return tables.RESULTS / "leaderboard.csv"


@pytest.mark.parametrize("name", report.PAGES)
def test_templates_have_no_figures_of_their_own(name):
    text = (report.TEMPLATES / name).read_text(encoding="utf-8")
    prose = report.REFERENCE.sub("", text.split(".. raw:: html")[0])
    # Limits and levels, which the scripts set and do not measure.
    assert set(re.findall(r"\d*\.\d+", prose)) <= {".1", ".02", ".5", ".05"}


def test_a_page_follows_a_changed_cell(tmp_path):
    copy_results(tmp_path, without=["soak"])
    path = tmp_path / "soak.csv"
    text = (tables.RESULTS / "soak.csv").read_text(encoding="utf-8")
    path.write_text(
        text.replace("answer,in all,", "answer,in all,77"), encoding="utf-8"
    )
    assert "difficult tables:\n    77" in report.render("README.rst", tmp_path)


@pytest.fixture
def page(tmp_path):
    (tmp_path / "a.csv").write_text(
        "# skmi: 0.1.0, commit abc\n# size: cpu: --seeds 2\n"
        'kind,level,value\n"x, y",1.0,2.5\n"x, y",2.0,-0.001\nz,1.0,nan\n',
        encoding="utf-8",
    )
    return report.Page(tmp_path)


@pytest.mark.parametrize(
    ("reference", "text"),
    [
        ('a: "kind=x, y", level=1: value: .2f', "2.50"),
        ('a: "kind=x, y", level=1|2|3: value: .1f', "2.5 / 0.0 / not run"),
        ('mean a: "kind=x, y": value: .3f', "1.250"),
        ("count a", "3"),
        ("count a: : kind", "2"),
        ("count a: level=1", "2"),
        ("a: kind=z: value: .2f", "not finite"),
        ("a: kind=w: value", "not run"),
        ("b: kind=w: value", "not run"),
        ("count b", "not run"),
        ("figure b: A caption.", "A caption: not run"),
    ],
)
def test_references(page, reference, text):
    assert page.fill(f"so {{{{{reference}}}}}.") == f"so {text}."


def test_means_of_the_rows_that_agree(page):
    assert page.fill("{{means a: level=1: level: value, kind}}").splitlines()[-2:] == [
        "   level,rows,value,kind",
        '   1.0,2,not finite,"x, y, z"',
    ]
    lines = page.fill('{{means a: "kind=x, y": kind: level, value}}').splitlines()
    assert lines[-1] == '   "x, y",2,1.500,1.250'
    assert page.fill("{{means a: kind=w: kind: value}}") == "not run"


def test_a_column_that_is_missing_is_named(page):
    for text in (
        "a: no such=1: value",
        "mean a: : no such",
        "count a: : no such",
        "rows a: : no such",
        "means a: : kind: no such",
        "means a: : no such: value",
    ):
        with pytest.raises(ValueError, match="'a' has no column 'no such'"):
            page.fill(f"{{{{{text}}}}}")


@pytest.mark.parametrize("line", ["1", "1,2,3"])
def test_a_row_of_another_length_is_named(tmp_path, line):
    path = tmp_path / "cut.csv"
    path.write_text(f"# skmi: 0.1.0\na,b\n1,2\n{line}\n", encoding="utf-8")
    with pytest.raises(ValueError, match=r"cut\.csv, row 2: not as many cells"):
        tables.read_table(path)


def test_a_published_result_without_ours_has_no_remark(tmp_path):
    rows = list(csv.reader(report.Page(tmp_path).papers().splitlines()[5:]))
    [growth] = [row for row in rows if "nearest neighbours by correlation" in row[0]]
    assert growth[report.OURS] == "not run"
    assert growth[report.REMARKS] == ""


def test_reference_to_rows_that_differ_raises(page):
    with pytest.raises(ValueError, match="3 rows of 'a'"):
        page.fill("{{a: : value}}")


def test_header_is_skipped_by_the_reader(page):
    path = page.folder / "a.csv"
    assert [row["level"] for row in tables.read_table(path)] == ["1.0", "2.0", "1.0"]
    assert tables.read_header(path)["skmi"] == "0.1.0, commit abc"
    assert page.origin("a")[:2] == ["cpu", "0.1.0, commit abc"]


def test_table_without_header_is_read(tmp_path):
    path = tmp_path / "old.csv"
    path.write_text("a,b\n1,2\n", encoding="utf-8")
    assert tables.read_table(path) == [{"a": "1", "b": "2"}]
    assert tables.read_header(path) == {}
    assert report.Page(tmp_path).origin("old")[1] == "commit not recorded"


def test_written_table_says_how_it_was_made(tmp_path):
    path = tmp_path / "new.csv"
    tables.write_table(path, [{"a": 1, "b": "x, y"}])
    assert tables.read_table(path) == [{"a": "1", "b": "x, y"}]
    header = tables.read_header(path)
    assert {"skmi", "versions", "machine", "seeds", "seconds", "date"} <= header.keys()


SCRIPT = """
import argparse, sys
from pathlib import Path
from benchmarks import tables
declared = {"data": "drawn", "tables": {"t": {"cpu": ""}}}
options = tables.parse(argparse.ArgumentParser(), declared, ["--out", sys.argv[1]])
rows = tables.kept_rows(options.out)
tables.write_table(options.out, [*rows, {"a": len(rows)}])
state = tables.read_header(options.out)["state"]
if state != "unfinished" or len(sys.argv) > 2:
    raise RuntimeError("cut off")
"""


def run_script(*words):
    command = [sys.executable, "-c", SCRIPT, *map(str, words)]
    return subprocess.run(command, cwd=report.ROOT, capture_output=True).returncode


def test_a_table_is_unfinished_until_its_run_ends_and_goes_on(tmp_path):
    path = tmp_path / "t.csv"
    assert run_script(path, "fails") == 1
    assert report.Page(tmp_path).origin("t")[0] == "cpu, unfinished"
    assert run_script(path) == 0
    assert report.Page(tmp_path).origin("t")[0] == "cpu"
    assert [row["a"] for row in tables.read_table(path)] == ["0", "1"]


def test_rows_of_another_version_are_not_kept(tmp_path):
    path = tmp_path / "t.csv"
    tables.write_table(path, [{"a": 1}])
    assert tables.kept_rows(path) == [{"a": "1"}]
    text = path.read_text(encoding="utf-8")
    path.write_text(re.sub("# library: .*", "# library: 0.0.1 abc", text))
    assert tables.kept_rows(path) == []
    assert tables.kept_rows(path, of_any_version=True) == [{"a": "1"}]


def test_rows_of_another_version_that_stay_are_named(tmp_path, monkeypatch):
    monkeypatch.setattr(tables, "_run", {})
    path = tmp_path / "t.csv"
    tables.write_table(path, [{"a": 1}])
    text = path.read_text(encoding="utf-8")
    text = re.sub("# library: .*", "# library: 0.0.1 abc", text)
    path.write_text(re.sub("# skmi: .*", "# skmi: 0.0.1, commit abc", text))
    for of_any_version in (True, False):  # a run that is resumed says so too
        rows = tables.kept_rows(path, of_any_version=of_any_version)
        tables.write_table(path, rows)
        size, *_ = report.Page(tmp_path).origin("t")
        assert size.endswith("with rows of 0.0.1, commit abc")


def test_every_kept_table_is_declared_or_of_single_runs():
    known = registry.tables()
    kept = {path.stem for path in tables.RESULTS.glob("*.csv")}
    assert kept - known.keys() <= {"bottleneck_runs", "infomax_runs"}


def test_tables_that_papers_names_are_declared():
    known = {*registry.tables(), "bottleneck_runs"}
    with open(report.TEMPLATES / "papers.csv", newline="", encoding="utf-8") as file:
        named = {
            name.strip()
            for line in csv.DictReader(file)
            for name in line["tables"].split(";")
        }
    assert named - {""} <= known


def test_every_table_has_a_size_that_pages_show():
    for table in registry.tables().values():
        assert table.sizes.keys() & {"cpu", "gpu"}, table.name


def test_every_table_says_its_commit_and_that_it_is_finished():
    for path in tables.RESULTS.glob("*.csv"):
        header = tables.read_header(path)
        assert "state" not in header, path
        assert path.stem == "gpu" or re.search(r"commit [0-9a-f]{10}$", header["skmi"])


def test_list_needs_no_torch():
    code = (
        "import runpy, sys; sys.argv = ['benchmarks', '--list']\n"
        "try: runpy.run_module('benchmarks', run_name='__main__')\n"
        "except SystemExit as end: assert not end.code\n"
        "assert 'torch' not in sys.modules and 'sklearn' not in sys.modules"
    )
    done = subprocess.run(
        [sys.executable, "-c", code],
        capture_output=True,
        text=True,
        check=True,
        cwd=report.ROOT,
    )
    assert "growth\n" in done.stdout


SIZES = {"small": "--seeds 1", "cpu": "", "gpu": ""}
DECLARED = {"data": "drawn", "tables": {"t": SIZES}}


@pytest.mark.parametrize(
    ("words", "is_kept"),
    [
        ([], True),
        (["--size", "small"], False),
        (["--seeds", "2"], False),
        (["--seeds=2"], False),
        (["--tables", "."], True),
        (["--folder", "."], False),
        (["--size", "gpu"], False),
        (["--quick"], False),
    ],
)
def test_a_trial_does_not_replace_the_kept_table(monkeypatch, words, is_kept):
    monkeypatch.setattr(tables, "_run", {})
    monkeypatch.setattr(tables.atexit, "register", lambda function: None)
    monkeypatch.setattr(sys, "excepthook", sys.excepthook)
    parser = argparse.ArgumentParser()
    parser.add_argument("--seeds")
    parser.add_argument("--folder")
    parser.add_argument("--tables", type=Path)
    parser.add_argument("--quick", action="store_true")
    out = tables.parse(parser, DECLARED, words).out
    assert (out == tables.RESULTS / "t.csv") == is_kept


@pytest.mark.parametrize(
    ("name", "words", "said"),
    [
        ("growth", ["--out", "no_folder/a.csv"], "there is no folder"),
        ("all", ["--out", "a.csv"], "no other argument than --size"),
        ("selection_tables", ["--size", "cpu"], "pass --tables FOLDER"),
        ("strange", ["--data", "digits", "--strange", "no.npz"], "no.npz"),
        ("growth", ["--no-such"], "unrecognized arguments: --no-such"),
        ("all", ["--no-such"], "unrecognized arguments: --no-such"),
    ],
)
def test_run_passes_on_the_arguments_of_a_script(name, words, said):
    done = subprocess.run(
        [sys.executable, "-m", "benchmarks", "run", name, "--size", "small", *words],
        capture_output=True,
        text=True,
        cwd=report.ROOT,
    )
    assert done.returncode
    assert said in done.stderr


def fit_of(estimator, estimate, **changes):
    row = {"group": "g", "task": "t", "rows": "9", "seed": "0", "truth": "1.0"}
    row |= {"low": "", "high": "", "cpu_s": "0.5", "outcome": "answer"}
    row |= {"status": "", "said": ""}
    return row | {"estimator": estimator, "estimate": str(estimate)} | changes


@pytest.mark.parametrize(
    ("changes", "is_fault"),
    [
        ({}, True),
        ({"status": "ok"}, True),
        ({"status": "not converged"}, False),
        ({"said": "RuntimeWarning"}, False),
        ({"low": "0.5", "high": "2.5"}, False),
        ({"low": "1.5", "high": "2.5"}, True),
        ({"outcome": "not finite", "estimate": "nan"}, True),
        ({"estimate": "1.19"}, False),
    ],
)
def test_wrong_without_warning(changes, is_fault):
    row = fit_of("other", 2.0) | changes
    assert bool(leaders.is_silent_fault(row)) == is_fault


def test_leaderboard_compares_on_the_same_samples():
    rows = [fit_of("AutoMI", 1.2), fit_of("AutoMI", 3.0, seed="1")]
    rows += [fit_of("other", 1.1), fit_of("other", 0, outcome="left out", seed="1")]
    head, auto, other = leaders.leader_rows(rows)
    assert auto[0] == "AutoMI"
    found = dict(zip(head, other, strict=True))
    assert found["mean absolute error"] == "0.100"
    assert found["AutoMI, same samples"] == "0.200"
    assert found["closer than AutoMI, %"] == "100"
    assert found["not applicable"] == 1


def test_leaderboard_says_where_another_package_is_better():
    rows = [fit_of("AutoMI", 1.2), fit_of("AutoMI", 1.2, task="u")]
    rows += [
        fit_of("KSG", 1.0),
        fit_of("ennemi", 1.1),
        fit_of("ennemi", 1.25, task="u"),
    ]
    rows += [fit_of("npeet_plus", 1.3), fit_of("infomeasure", 1.21)]
    even = {"group": "even", "task": "v"}  # the means have the same digits
    rows += [fit_of("AutoMI", 1.2, **even), fit_of("ennemi", 1.1999, **even)]
    [_, *groups] = leaders.better_by_group(rows)
    assert groups == [["g", "9", "ennemi", 2, "0.175", "0.200"]]
    [_, *found] = leaders.better_by_task(rows)
    assert found == [["g", "t", "9", "ennemi", 1, "0.100", "0.200"]]


def test_every_row_of_papers_has_a_cell_for_each_column():
    with open(report.TEMPLATES / "papers.csv", newline="", encoding="utf-8") as file:
        header, *rows = csv.reader(file)
    assert [row[0] for row in rows if len(row) != len(header)] == []
