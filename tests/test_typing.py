"""Type checkers accept ordinary code and report mistakes, each on its line."""

import inspect
import json
import os
import subprocess
import sys
from pathlib import Path

import pytest
from numpydoc.docscrape import NumpyDocString

import skmi
from tests.estimators import all_with_parameters

ROOT = Path(__file__).parents[1]

ORDINARY = """
from typing import assert_type

import numpy as np
from sklearn.model_selection import GridSearchCV
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler

from skmi import KSG, AutoMI, GaussianMI, IBEncoder, InfoMaxEncoder, InfoNCE
from skmi import MIFeatureSelector
from skmi.datasets import make_correlated_normal
from skmi.inference import confidence_interval, permutation_test

X, Y, truth = make_correlated_normal(80, 2, mutual_info=0.5, random_state=0)
labels = np.where(Y[:, 0] > 0, "up", "down")

auto = AutoMI(cv=2, max_iter=2, random_state=0).fit(X, Y)
print(f"{auto.mutual_info_:.2f} +- {auto.standard_error_:.2f} nats", auto.report())
nce = InfoNCE(critic="separable", hidden_layer_sizes=(8,), max_iter=2, device="cpu")
print(nce.fit(X, Y).score(X, Y) + nce.mutual_info_, nce.n_iter_, nce.best_iter_)
ksg = KSG(n_neighbors=5, marginals=None, random_state=0).fit(X, labels)
print(ksg.mutual_info(X, labels), ksg.score_samples(X).mean(), ksg.classes_)
gaussian = GaussianMI().set_params(discrete_target=False).fit(X.tolist(), Y)
interval = confidence_interval(gaussian, X, Y, level=0.9)
low, high = interval
print(low < high, high - interval.lower_limit, truth - interval.standard_error)
test = permutation_test(gaussian, X, Y, n_permutations=19, random_state=0)
print(test.statistic, test.pvalue, test.null_distribution.max())
selector = MIFeatureSelector(n_features_to_select=1, random_state=0).fit(X, labels)
print(selector.transform(X).shape, selector.scores_.max(), selector.get_support())
encoder = InfoMaxEncoder(n_components=2, max_iter=2, random_state=0).fit(X)
codes = encoder.transform(X)
bottleneck = IBEncoder(beta=0.01, max_iter=2, random_state=0).fit(X, labels)
print(codes.mean(axis=0), bottleneck.predict(X), bottleneck.score(X, labels))
search = GridSearchCV(KSG(), {"n_neighbors": [3, 5]}, cv=2).fit(X, Y)
print(search.best_score_, make_pipeline(StandardScaler(), KSG()).fit(X, Y))

assert_type(AutoMI().fit(X, Y), AutoMI)
assert_type(InfoNCE(max_iter=1).fit(X, Y), InfoNCE)
assert_type(KSG().fit(X, Y), KSG)
assert_type(GaussianMI().fit(X, Y), GaussianMI)
assert_type(MIFeatureSelector(random_state=0).fit(X, labels), MIFeatureSelector)
assert_type(InfoMaxEncoder(max_iter=1).fit(X), InfoMaxEncoder)
assert_type(IBEncoder(max_iter=1).fit(X, labels), IBEncoder)
assert_type(nce.mutual_info_, float)
assert_type(nce.score(X, Y), float)
assert_type(auto.report(), str)
assert_type(low, float)
assert_type(test.pvalue, float)
assert_type(codes, np.ndarray)
assert_type(selector.transform(X), np.ndarray)
assert_type(bottleneck.predict(X), np.ndarray)
"""

MISTAKES = """
KSG(n_neighbours=5)  # a parameter's name
InfoMaxEncoder(n_component=2)  # a parameter's name
MIFeatureSelector(n_features=2)  # a parameter's name
KSG(5)  # a parameter by position
InfoNCE(max_iter="many")  # a parameter's type
IBEncoder(beta="small")  # a parameter's type
print(auto.mutual_information_)  # a fitted attribute's name
print(nce.fit(X, Y).loss_curves_)  # a fitted attribute's name
print(ksg.mutual_info + 1)  # a method for a number
print(selector.suport_)  # a fitted attribute's name
print(encoder.tranform(X))  # a method's name
print(bottleneck.predict_probabilities(X))  # a method's name
print(interval.upper)  # a field's name
print(test.p_value)  # a field's name
low, middle, high = confidence_interval(gaussian, X, Y)  # a pair into three
from skmi import InfoNce  # a class's name
"""


def every_name():
    """Code with each parameter and documented attribute, and names of neither."""
    lines = ["import skmi", "import skmi.critics"]
    for cls in all_with_parameters():
        critic = cls.__name__ in skmi.critics.__all__
        name = f"skmi.critics.{cls.__name__}" if critic else f"skmi.{cls.__name__}"
        given = [f"{key}={value!r}" for key, value in cls().get_params(False).items()]
        lines += [f"{name}({', '.join(given)})", f"{name}(misspelt=1)  # parameter"]
        attributes = NumpyDocString(inspect.getdoc(cls))["Attributes"]
        lines += [f"print({name}().{attribute.name})" for attribute in attributes]
        lines += [f"print({name}().misspelt_)  # attribute"]
    return "\n".join(lines)


CODE = {
    "ordinary.py": ORDINARY + MISTAKES,
    "names.py": every_name(),
}


def run_pyright(folder):
    """Return pairs of file and line that basedpyright reports, as a user has it."""
    settings = {"typeCheckingMode": "standard", "include": ["."]}
    (folder / "pyrightconfig.json").write_text(json.dumps(settings))
    command = ["basedpyright", "--pythonpath", sys.executable, "--outputjson"]
    for item in json.loads(run(folder, command))["generalDiagnostics"]:
        if item["severity"] != "information":
            line = item["range"]["start"]["line"] + 1
            yield Path(item["file"]).name, line, item["message"]


def run_mypy(folder):
    """Return the same of mypy, told as usual that scikit-learn has no types."""
    (folder / "mypy.ini").write_text(
        "[mypy]\n[mypy-sklearn.*]\nignore_missing_imports = True\n"
    )
    command = ["mypy", "--output=json", f"--cache-dir={folder / 'cache'}", *CODE]
    for item in map(json.loads, run(folder, command).splitlines()):
        if item["severity"] == "error":
            yield Path(item["file"]).name, item["line"], item["message"]


def run(folder, command):
    """Return what a tool prints, run outside the project with skmi installed."""
    path = os.pathsep.join(filter(None, [str(ROOT), os.environ.get("PYTHONPATH")]))
    done = subprocess.run(
        [sys.executable, "-m", *command],
        cwd=folder,
        env={**os.environ, "PYTHONPATH": path},
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode in (0, 1), done.stdout + done.stderr
    return done.stdout


@pytest.mark.parametrize("checker", [run_pyright, run_mypy])
def test_exactly_the_planted_mistakes_are_reported(checker, tmp_path):
    for name, text in CODE.items():
        (tmp_path / name).write_text(text)
    found = {(name, line): message for name, line, message in checker(tmp_path)}
    lines = {
        (name, number): line
        for name, text in CODE.items()
        for number, line in enumerate(text.splitlines(), start=1)
    }
    planted = {place for place, line in lines.items() if "  # " in line}
    faults = [f"{lines[p]}: {found[p]}" for p in sorted(found.keys() - planted)]
    faults += [f"not found: {lines[p]}" for p in sorted(planted - found.keys())]
    assert not faults, "\n".join(faults)


@pytest.mark.filterwarnings("ignore::skmi.exceptions.SkmiWarning")
def test_the_ordinary_code_runs(capsys):
    exec(compile(ORDINARY, "ordinary.py", "exec"), {})
    assert "nats" in capsys.readouterr().out


def test_the_planted_mistakes_are_several_of_each_kind():
    lines = MISTAKES.strip().splitlines()
    assert len(lines) > 12
    assert all("  # " in line for line in lines)
    assert "  # " not in ORDINARY
