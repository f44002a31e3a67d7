import io
import os
import subprocess
import sys

import numpy as np
import pytest

from skmi.cli import job, progress
from skmi.cli.render import Finding, Pair, Report, render_record, render_text
from tests.cli.runs import GOOD, findings, run, write


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
    other, _ = findings(capsys, tmp_path, *options, "--seed", 2)
    assert other != nats


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


def test_the_output_fits_a_terminal(capsys):
    _, out, _ = run(capsys, "--n-permutations", "39")
    assert max(map(len, out.splitlines())) <= 80


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


def test_text_and_record_of_a_report():
    findings = [
        Finding(
            "a" * 20, "continuous", np.log(2), 0.1, 9.0, 0.87, 0.001, 0.005, True, None
        ),
        Finding("b", "discrete", 0.0, 0.1, 9.0, 0.0, 1.0, None, False, "a" * 20),
    ]
    pairs = [Pair("a" * 20, "b", 2 * np.log(2), np.log(2), 0.001)]
    report = Report("t.csv", 90, 10, "y", "discrete", 199, findings, pairs)
    text = render_text(report)
    assert text.startswith("t.csv: 90 rows, 10 without a target left out\n")
    assert "0.0010   0.0050*" in text
    assert "More informative together than alone:\n" in text
    assert max(map(len, text.splitlines())) <= 80
    assert text.count("a" * 20) == 1  # as one of a pair
    wide = render_text(report, columns=100)
    assert max(map(len, wide.splitlines())) <= 100
    assert wide.count("a" * 20) == 3
    record = render_record(report.in_bits())
    assert record["unit"] == "bits"
    assert record["features"][0]["mutual_info"] == pytest.approx(1.0)
    assert record["features"][0]["scale"] == 0.87
    assert record["interactions"][0]["synergy"] == pytest.approx(1.0)


class Terminal(io.StringIO):
    """Standard error of a person."""

    def isatty(self):
        return True


@pytest.mark.parametrize("patience", [0.0, 60.0])
def test_a_progress_bar_for_what_takes_long(tmp_path, monkeypatch, patience):
    terminal = Terminal()
    monkeypatch.setattr(progress, "PATIENCE", patience)
    monkeypatch.setattr(sys, "stderr", terminal)
    path = write(tmp_path / "t.csv", GOOD)
    assert job.main([str(path), "--target", "y"]) == 0
    shown = terminal.getvalue().split("note:")[0]
    assert ("[" in shown) == (patience == 0)
    assert not shown.rstrip("\r").strip(" ").endswith("]")
    assert patience == 0 or not shown


def test_no_progress_bar_where_nobody_looks(capsys, monkeypatch):
    monkeypatch.setattr(progress, "PATIENCE", 0.0)
    assert run(capsys, "--n-permutations", "39")[2] == ""
