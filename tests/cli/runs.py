"""Runs of the command line and tables for them."""

import json
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from skmi.cli import job

TABULAR = Path(__file__).parents[3] / "shared" / "data" / "tabular"


GOOD = "a,y\n" + "".join(f"{i % 7},{i * i % 11}.5\n" for i in range(40))


def run(capsys, *arguments):
    """Run the job; return its status, output and errors."""
    status = job.main([str(argument) for argument in arguments])
    captured = capsys.readouterr()
    return status, captured.out, captured.err


def write(path, text, encoding="utf-8"):
    path.write_text(text, encoding=encoding)
    return path


def findings(capsys, tmp_path, *arguments):
    path = tmp_path / "out.json"
    status, _, _ = run(capsys, *arguments, "--json", path)
    assert status == 0
    record = json.loads(path.read_text(), parse_constant=pytest.fail)
    return record, {entry["feature"]: entry for entry in record["features"]}


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
