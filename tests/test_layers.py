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
    ["_data", "bounds", "critics", "datasets", "entropy", "scores", "statistics"],
    ["base", "training"],
    ["neighbors", "density", "gaussian"],
    ["variational"],
    ["inference"],
    ["auto", "encoders", "feature_selection"],
    ["bottleneck"],
    ["display"],
    ["cli"],
    ["__main__"],
]
PACKAGES = sorted(path.parent.name for path in PACKAGE.glob("*/__init__.py"))
FLOOR_OF = {name: i for i, names in enumerate(FLOORS) for name in names}
WITHOUT_TORCH = [
    "skmi",
    "skmi.neighbors",
    "skmi.gaussian",
    "skmi.feature_selection",
    "skmi.datasets",
    "skmi.display",
    "skmi.base",
    "skmi.inference",
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


def test_every_module_has_a_floor():
    modules = {path.stem for path in PACKAGE.glob("*.py")} - {"__init__"}
    assert modules.union(PACKAGES) == set(FLOOR_OF)


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
