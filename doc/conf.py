"""Configuration of the documentation."""

import ast
import warnings
from pathlib import Path

import skmi

ROOT = Path(__file__).parents[1]

warnings.filterwarnings("ignore", category=skmi.SkmiWarning)

project = "skmi"
version = release = skmi.__version__
author = "The skmi developers"
copyright = "2026, the skmi developers"
extensions = [
    "sphinx.ext.autodoc",
    "sphinx.ext.autosummary",
    "sphinx.ext.mathjax",
    "numpydoc",
    "sphinx_gallery.gen_gallery",
    "sphinxcontrib.bibtex",
]
templates_path = ["_templates"]
exclude_patterns = ["_build", "examples", "_templates"]
default_role = "literal"
root_doc = "index"

autosummary_generate = True
numpydoc_show_class_members = False
numpydoc_xref_param_type = False

bibtex_bibfiles = ["references.bib"]
bibtex_default_style = "plain"
bibtex_reference_style = "author_year"

sphinx_gallery_conf = {
    "examples_dirs": "examples",
    "gallery_dirs": "auto_examples",
    "backreferences_dir": "generated/backreferences",
    "doc_module": ("skmi",),
    "abort_on_example_error": True,
    "within_subsection_order": "FileNameSortKey",
    "show_memory": False,
    "min_reported_time": 1,
    "remove_config_comments": True,
    "image_scrapers": ("matplotlib",),
}

html_theme = "pydata_sphinx_theme"
html_title = "skmi"
html_copy_source = False
html_theme_options = {
    "show_toc_level": 2,
    "navigation_with_keys": False,
    "secondary_sidebar_items": ["page-toc"],
}


def make_layer_table():
    """Make the table of layers from the list that tests/test_layers.py enforces."""
    rows = [".. list-table::", "   :header-rows: 1", "   :widths: 8 22 70", ""]
    rows += ["   * - Layer", "     - Package or module", "     - Contents"]
    for layer, names in enumerate(read_layers()):
        for name in names:
            rows += [f"   * - {layer}", f"     - ``{name}``", f"     - {summary(name)}"]
    return "\n".join(rows) + "\n"


def read_layers():
    """Read the literal FLOORS without importing the test."""
    test = (ROOT / "tests" / "test_layers.py").read_text(encoding="utf-8")
    for node in ast.parse(test).body:
        if isinstance(node, ast.Assign) and ast.unparse(node.targets[0]) == "FLOORS":
            return ast.literal_eval(node.value)
    raise LookupError("tests/test_layers.py has no list FLOORS.")


def summary(name):
    """Read the first line of the docstring of a package or module."""
    path = ROOT / "skmi" / name / "__init__.py"
    if not path.exists():
        path = ROOT / "skmi" / f"{name}.py"
    text = ast.get_docstring(ast.parse(path.read_text(encoding="utf-8")))
    return text.splitlines()[0]


def write_layer_table(app):
    """Write the table where doc/developing.rst includes it."""
    folder = Path(app.srcdir) / "generated"
    folder.mkdir(exist_ok=True)
    (folder / "layers.inc").write_text(make_layer_table(), encoding="utf-8")


def setup(app):
    """Write the table before the pages are read."""
    app.connect("builder-inited", write_layer_table)
