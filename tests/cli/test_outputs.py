import io
import json
import os
import subprocess
import sys

import numpy as np
import pytest

import skmi
from skmi.cli.render import format_pvalue, printable
from tests.cli.runs import GOOD, run, write


@pytest.mark.parametrize("option", ["--json", "--plot"])
def test_the_table_is_never_overwritten(tmp_path, capsys, option, monkeypatch):
    pytest.importorskip("matplotlib")
    table = write(tmp_path / "t.png", GOOD)
    (tmp_path / "soft.png").symlink_to(table)
    os.link(table, tmp_path / "hard.png")
    monkeypatch.chdir(tmp_path)
    for path in (table, "t.png", tmp_path / "soft.png", tmp_path / "hard.png"):
        status, out, err = run(capsys, table, "--target", "y", option, path)
        assert (status, out) == (2, "")
        assert "would overwrite the table" in err
        assert table.read_text() == GOOD


def test_outputs_are_tried_before_the_work(tmp_path, capsys, monkeypatch):
    pytest.importorskip("matplotlib")
    table = write(tmp_path / "t.csv", GOOD)
    monkeypatch.setattr("skmi.cli.job.load", pytest.fail)
    existing = write(tmp_path / "out.json", "kept")
    for options, message in (
        (["--json", tmp_path / "no" / "out.json"], "cannot write to"),
        (["--json", tmp_path], "cannot write to"),
        (["--plot", tmp_path / "out.docx"], "cannot draw to"),
        (["--json", existing, "--plot", existing], "cannot draw to"),
        (["--json", tmp_path / "a.png", "--plot", tmp_path / "a.png"], "overwrite"),
        (["--json", "-", "--plot", "-"], "would overwrite --json"),
    ):
        status, out, err = run(capsys, table, "--target", "y", *options)
        assert (status, out, err.count("\n")) == (2, "", 1)
        assert message in err
    assert existing.read_text() == "kept"
    assert sorted(p.name for p in tmp_path.iterdir()) == ["out.json", "t.csv"]


def test_a_dash_is_standard_output(tmp_path, capsysbinary):
    pytest.importorskip("matplotlib")
    from skmi.cli import job

    table = str(write(tmp_path / "t.csv", GOOD))
    assert job.main([table, "--target", "y", "--json", "-"]) == 0
    record = json.loads(capsysbinary.readouterr().out)
    assert [entry["feature"] for entry in record["features"]] == ["a"]
    assert job.main([table, "--target", "y", "--plot", "-"]) == 0
    assert capsysbinary.readouterr().out.startswith(b"\x89PNG")


def test_a_dash_is_standard_input(capsys, monkeypatch):
    stream = io.TextIOWrapper(io.BytesIO(GOOD.encode()))
    monkeypatch.setattr(sys, "stdin", stream)
    status, out, _ = run(capsys, "-", "--target", "y")
    assert status == 0
    assert out.startswith("standard input: 40 rows")


def test_control_characters_are_escaped(tmp_path, capsys):
    name = "a\x1b[31m\x07"
    text = GOOD.replace("a,y", f"{name},y")
    status, out, err = run(capsys, write(tmp_path / "t.csv", text), "--target", "y")
    assert status == 0
    assert "\x1b" not in out + err
    assert "a\\x1b[31m\\x07" in out
    status, _, err = run(capsys, tmp_path / "t.csv", "--target", "\x1b[2Jb")
    assert status == 2
    assert "\x1b" not in err
    assert printable("größe 大") == "größe 大"


def test_version(capsys):
    with pytest.raises(SystemExit) as stop:
        run(capsys, "--version")
    assert stop.value.code == 0
    assert capsys.readouterr().out == f"skmi {skmi.__version__}\n"


def test_small_pvalues_are_not_zero(tmp_path, capsys):
    assert format_pvalue(3e-16) == format_pvalue(9.99e-5) == "<0.0001"
    assert format_pvalue(1e-4) == "0.0001"
    rng = np.random.RandomState(0)
    first, second = rng.standard_normal((2, 800)).round(3)
    y = np.sign(first * second)
    rows = "".join(f"{a},{b},{c}\n" for a, b, c in zip(first, second, y, strict=True))
    path = write(tmp_path / "t.csv", "first,second,y\n" + rows)
    _, out, _ = run(capsys, path, "--target", "y")
    (line,) = [line for line in out.splitlines() if line.startswith("first and")]
    *_, together, synergy, pvalue = line.split()
    assert pvalue == "<0.0001"
    assert float(together) == pytest.approx(np.log(2), abs=0.15)
    assert float(synergy) == pytest.approx(float(together), abs=0.05)
    assert "0.0000" not in out.replace("<0.0001", "")


def test_a_reader_that_has_enough_is_no_error(tmp_path):
    """As `head` has: nothing is said, and the status is 0."""
    path = tmp_path / "t.csv"
    path.write_text(GOOD)
    record = tmp_path / "record.json"
    command = f"{sys.executable} -m skmi {path} --target y --json {record}"
    command += "; echo status $? >&2"
    done = subprocess.run(
        ["sh", "-c", f"({command}) | true"], capture_output=True, text=True, check=True
    )
    notes = done.stderr.splitlines()
    assert notes[-1] == "status 0"
    assert not [line for line in notes if "Broken" in line or "Traceback" in line]
    assert json.loads(record.read_text())
