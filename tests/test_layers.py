"""A floor may look down, never up or sideways."""

import ast
import graphlib
import subprocess
import sys
from pathlib import Path

import pytest

PACKAGE = Path(__file__).parents[1] / "skmi"
FLOORS = [
    ["exceptions"],
    ["_core"],
    ["_data", "bounds", "critics", "datasets", "scores", "statistics"],
    ["entropy"],
    ["base", "training"],
    ["neighbors", "gaussian"],
    ["density", "variational"],
    ["inference"],
    ["auto", "encoders", "feature_selection"],
    ["bottleneck", "multivariate", "series"],
    ["display"],
    ["cli"],
    ["__main__"],
]
PACKAGES = sorted(path.parent.name for path in PACKAGE.glob("*/__init__.py"))
FLOOR_OF = {name: i for i, names in enumerate(FLOORS) for name in names}
MOST_ENTRIES, MOST_PRIVATE = 24, 8
MOST_LINES = 500  # of code and docstrings in a file
LONGER = {}  # files that may be longer, each with the reason
MOST_FUNCTIONS, MOST_FILES = 150, 19  # that a default fit passes through
WITHOUT_TORCH = [
    "skmi",
    "skmi.neighbors",
    "skmi.density",
    "skmi.gaussian",
    "skmi.feature_selection",
    "skmi.datasets",
    "skmi.display",
    "skmi.base",
    "skmi.inference",
    "skmi.multivariate",
    "skmi.series",
    "skmi.__main__",
]


def imports(path):
    """Dotted names of all modules and members that a file imports."""
    for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
        if isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            yield from (f"{node.module}.{alias.name}" for alias in node.names)


def files(name):
    """The file of a module, or those of a package."""
    folder = PACKAGE / name
    return sorted(folder.glob("*.py")) if folder.is_dir() else [PACKAGE / f"{name}.py"]


def imports_of(name):
    return [target for path in files(name) for target in imports(path)]


@pytest.mark.parametrize("name", FLOOR_OF)
def test_looks_only_down(name):
    for target in imports_of(name):
        parts = target.split(".")
        if parts[0] == "skmi" and len(parts) > 1 and parts[1] != name:
            assert FLOOR_OF[parts[1]] < FLOOR_OF[name], f"{name} imports {target}"


@pytest.mark.parametrize("name", PACKAGES)
def test_no_circle_in_a_package(name):
    below = {f"skmi.{name}.{path.stem}": set() for path in files(name)}
    for path in files(name):
        for target in imports(path):
            below[f"skmi.{name}.{path.stem}"] |= {
                module for module in below if f"{target}.".startswith(f"{module}.")
            }
    graphlib.TopologicalSorter(below).prepare()


def entries():
    """Names of the modules and packages at the root."""
    modules = {path.stem for path in PACKAGE.glob("*.py")} - {"__init__"}
    return modules | {path.parent.name for path in PACKAGE.glob("*/*.py")}


def test_every_module_has_a_floor():
    assert entries() == set(FLOOR_OF)
    assert sum(map(len, FLOORS)) == len(FLOOR_OF)
    assert set(PACKAGES) == {path.parent.name for path in PACKAGE.glob("*/*.py")}
    assert not list(PACKAGE.glob("*/*/*.py"))


def test_the_root_has_few_entries():
    names = entries() - {"__main__"}
    assert len(names) <= MOST_ENTRIES
    assert len([name for name in names if name.startswith("_")]) <= MOST_PRIVATE


def test_no_file_is_long():
    lengths = {
        path.relative_to(PACKAGE).as_posix(): len(lines_of(path))
        for path in PACKAGE.rglob("*.py")
    }
    long = {name: n for name, n in lengths.items() if n > MOST_LINES}
    assert long.keys() == LONGER.keys(), long


def lines_of(path):
    """The lines of code and docstrings: neither blank nor a comment alone."""
    lines = map(str.strip, path.read_text(encoding="utf-8").splitlines())
    return [line for line in lines if line and not line.startswith("#")]


def test_a_default_fit_passes_through_few_functions():
    done = subprocess.run(
        [sys.executable, "-W", "ignore", "-c", TRACED_FIT],
        capture_output=True,
        text=True,
        check=True,
    )
    chosen, *functions = done.stdout.splitlines()
    functions.sort()
    assert chosen == "reference"  # the closed form of two columns: no critic is trained
    places = {function.split()[0] for function in functions}
    assert len(functions) <= MOST_FUNCTIONS, "\n".join(functions)
    assert len(places) <= MOST_FILES, "\n".join(sorted(places))


TRACED_FIT = """
import os, sys
import torch
import skmi
from skmi.datasets import make_correlated_normal

torch.set_num_threads(1)
X, Y, _ = make_correlated_normal(400, 2, mutual_info=0.5, random_state=0)
model, root, seen = skmi.AutoMI(random_state=0), os.path.dirname(skmi.__file__), set()

def note(frame, event, argument):
    code = frame.f_code
    if event == "call" and code.co_filename.startswith(root):
        seen.add(code)

sys.setprofile(note)
model.fit(X, Y)
sys.setprofile(None)
print(model.chosen_)
for code in seen:
    if not code.co_name.startswith("<"):
        print(os.path.relpath(code.co_filename, root), code.co_qualname)
"""


@pytest.mark.parametrize("name", FLOOR_OF)
def test_private_names_of_scikit_learn_stay_in_one_file(name):
    for path in files(name):
        if path.name == "sklearn_compat.py":
            continue
        for target in imports(path):
            parts = target.split(".")
            private = any(part.startswith("_") for part in parts[1:])
            reserved = parts[0] == "sklearn" and (private or "callback" in parts)
            assert not reserved, target


@pytest.mark.parametrize("module", WITHOUT_TORCH)
def test_does_not_import_torch(module):
    code = f"import sys, {module}; sys.exit('torch' in sys.modules)"
    assert subprocess.run([sys.executable, "-c", code], check=False).returncode == 0
