"""The pages run as doctests and agree with the code; the gallery stays short."""

import ast
import doctest
import importlib
import re
import runpy
import textwrap
import tomllib
from pathlib import Path

import pytest

from tests.estimators import all_estimators
from tests.test_layers import FLOORS

ROOT = Path(__file__).parents[1]
PAGES = [
    path
    for folder in (ROOT / "doc", ROOT / "doc" / "user_guide")
    for path in sorted(folder.glob("*.rst"))
    if re.search(r"(?m)^>>> ", path.read_text(encoding="utf-8"))
]
SCRIPTS = sorted((ROOT / "doc" / "examples").glob("plot_*.py"))


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.stem)
def test_the_examples_of_a_page_run(page):
    flags = doctest.NORMALIZE_WHITESPACE | doctest.ELLIPSIS
    found = doctest.testfile(str(page), module_relative=False, optionflags=flags)
    assert found.attempted
    assert not found.failed


def test_there_are_pages_and_scripts():
    assert len(PAGES) >= 8
    assert len(SCRIPTS) >= 15


@pytest.mark.parametrize("script", SCRIPTS, ids=lambda script: script.stem)
def test_a_script_of_the_gallery_is_short_and_up_to_date(script):
    text = script.read_text(encoding="utf-8")
    assert len(text.splitlines()) <= 80
    tree = ast.parse(text)
    title, line = ast.get_docstring(tree).splitlines()[:2]
    assert line == "=" * len(title)
    assert text.rstrip().endswith(")")
    assert "plt.show()" in text
    check_imports(tree)


def check_imports(tree):
    """Check that every name a script imports from skmi exists."""
    for node in ast.walk(tree):
        if isinstance(node, ast.ImportFrom) and node.module.startswith("skmi"):
            module = importlib.import_module(node.module)
            assert all(hasattr(module, alias.name) for alias in node.names)


def test_the_readme_shows_few_lines_that_are_up_to_date():
    """The nightly script runs them."""
    text = (ROOT / "README.rst").read_text(encoding="utf-8")
    block = re.search(r"code-block:: python\n\n((?:    .*\n|\n)+)", text).group(1)
    lines = [line for line in textwrap.dedent(block).splitlines() if line]
    assert len(lines) <= 10
    check_imports(ast.parse("\n".join(lines)))


def test_pages_name_scripts_that_are_there():
    named = set()
    for path in (ROOT / "doc").glob("user_guide/*.rst"):
        text = path.read_text(encoding="utf-8")
        named |= set(re.findall(r"sphx_glr_auto_examples_(\w+)\.py", text))
    there = {script.stem for script in (ROOT / "doc" / "examples").glob("*.py")}
    assert "run_dask" in named <= there


def test_the_install_page_agrees_with_the_metadata():
    page = (ROOT / "doc" / "install.rst").read_text(encoding="utf-8")
    text = (ROOT / "pyproject.toml").read_text(encoding="utf-8")
    project = tomllib.loads(text)["project"]
    listed = set(re.findall(r"(?m)^``(\w+)`` ", page))
    assert listed == set(project["optional-dependencies"])
    needed = dict(r.split(">=") for r in project["dependencies"])
    for name in ("scikit-learn", "torch"):
        assert re.search(rf"{name}\s+{re.escape(needed[name])} or later", page)
    assert f"Python {project['requires-python'].removeprefix('>=')} or later" in page


def test_the_guide_lists_every_estimator_that_trains_a_critic():
    """With the kind of bound of the other page, which tests/test_docs.py checks."""
    page = (ROOT / "doc" / "user_guide" / "variational.rst").read_text(encoding="utf-8")
    row = r"(?m)^   \* - :class:`~skmi\.(\w+)`\n     - .+\n     - .+\n     - (.+)$"
    listed = dict(re.findall(row, page))
    trained = [cls for cls in all_estimators() if hasattr(cls(), "max_iter")]
    assert sorted(listed) == sorted(cls.__name__ for cls in trained)
    whole = ROOT / "doc" / "user_guide" / "estimators.rst"
    rows = whole.read_text(encoding="utf-8")
    for name, text in listed.items():
        bound = re.search(rf"(?m)^``{name}``\s+(\w+)", rows).group(1)
        assert text == bound or text.endswith(f", else {bound}")


def test_the_table_of_layers_is_that_of_the_test():
    configuration = runpy.run_path(str(ROOT / "doc" / "conf.py"))
    assert configuration["read_layers"]() == FLOORS
    table = configuration["make_layer_table"]()
    rows = re.findall(r"\* - (\d+)\n     - ``(\w+)``\n     - .", table)
    assert rows == [(str(i), name) for i, names in enumerate(FLOORS) for name in names]


def test_each_family_of_the_api_has_a_page_that_the_overview_links():
    families = runpy.run_path(str(ROOT / "doc" / "extensions" / "families.py"))
    source = [(ROOT / "doc" / "api.rst").read_text(encoding="utf-8")]
    names = re.findall(r"(?m)^   [A-Za-z_.]+$", source[0])
    _, sections = families["split"](source[0])
    assert (
        "KSG"
        in dict((title, body) for _, title, body in sections)["Nearest neighbours"]
    )
    families["make_overview"](None, "api", source)
    assert re.findall(r"(?m)^   [A-Za-z_.]+$", source[0]) == names
    for _, title, _ in sections:
        assert f":doc:`{title} <api/" in source[0]
