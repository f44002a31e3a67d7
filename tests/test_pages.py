"""The pages of the documentation run as they stand; the gallery keeps its measures."""

import ast
import doctest
import importlib
import re
import textwrap
from pathlib import Path

import pytest

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
    """Hold a script to names of skmi that are there."""
    for node in ast.walk(tree):
        if isinstance(node, ast.ImportFrom) and node.module.startswith("skmi"):
            module = importlib.import_module(node.module)
            assert all(hasattr(module, alias.name) for alias in node.names)


def test_the_readme_shows_25_lines_that_are_up_to_date():
    """The nightly script runs them."""
    text = (ROOT / "README.rst").read_text(encoding="utf-8")
    block = re.search(r"code-block:: python\n\n((?:    .*\n|\n)+)", text).group(1)
    lines = [line for line in textwrap.dedent(block).splitlines() if line]
    assert len(lines) <= 25
    check_imports(ast.parse("\n".join(lines)))


def test_pages_name_scripts_that_are_there():
    named = set()
    for path in (ROOT / "doc").glob("user_guide/*.rst"):
        text = path.read_text(encoding="utf-8")
        named |= set(re.findall(r"sphx_glr_auto_examples_(\w+)\.py", text))
    there = {script.stem for script in (ROOT / "doc" / "examples").glob("*.py")}
    assert "run_dask" in named <= there
