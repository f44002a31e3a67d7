"""Configuration of the documentation."""

import ast
import sys
import warnings
from pathlib import Path

from numpydoc.xref import DEFAULT_LINKS

import skmi

ROOT = Path(__file__).parents[1]
sys.path.insert(0, str(ROOT / "doc" / "extensions"))

warnings.filterwarnings("ignore", category=skmi.SkmiWarning)

project = "skmi"
version = release = skmi.__version__
author = "The skmi developers"
copyright = "2026, the skmi developers"
extensions = [
    "sphinx.ext.autodoc",
    "sphinx.ext.autosummary",
    "sphinx.ext.intersphinx",
    "sphinx.ext.mathjax",
    "sphinx.ext.viewcode",
    "numpydoc",
    "sphinx_copybutton",
    "sphinx_design",
    "sphinx_gallery.gen_gallery",
    "sphinx-mathjax-offline",
    "sphinxcontrib.bibtex",
    "families",
    "links",
]
templates_path = ["_templates"]
exclude_patterns = ["_build", "examples", "_templates"]
default_role = "literal"
smartquotes = False  # options keep both hyphens
root_doc = "index"

autosummary_generate = True
toc_object_entries_show_parents = "hide"
autodoc_typehints = "none"  # the parameters are described below each signature
numpydoc_show_class_members = False
numpydoc_xref_param_type = True
numpydoc_xref_aliases = {word: word for word in DEFAULT_LINKS} | {
    "ndarray": "numpy.ndarray",
    "Module": "torch.nn.Module",
    "Tensor": "torch.Tensor",
    "RandomState": "numpy.random.RandomState",
    "DataFrame": "pandas.DataFrame",
}
numpydoc_xref_ignore = "all"

intersphinx_mapping = {}  # filled by extensions/links.py
copybutton_prompt_text = r">>> |\.\.\. |\$ "
copybutton_prompt_is_regexp = True

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
    "write_computation_times": False,
    "remove_config_comments": True,
    "image_scrapers": ("matplotlib",),
    "reset_modules": ("matplotlib", "figures.transparent"),
    "thumbnail_size": (640, 400),
    "default_thumb_file": str(ROOT / "doc" / "_static" / "logo.svg"),
    "reference_url": {"skmi": None},
}

html_theme = "pydata_sphinx_theme"
html_title = "skmi"
html_copy_source = False
html_static_path = ["_static"]
html_css_files = ["skmi.css"]
html_js_files = ["tables.js"]
html_logo = "_static/logo.svg"
html_favicon = "_static/favicon.svg"
html_context = {"default_mode": "auto"}
ALONE = ["index", "install", "quickstart", "faq", "papers", "whats_new", "developing"]
html_sidebars = {
    page: [] for page in [*ALONE, "leaderboard", "security", "references", "search"]
}
html_theme_options = {
    "logo": {"text": "skmi", "alt_text": "skmi: to the front page"},
    "header_links_before_dropdown": 6,
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
