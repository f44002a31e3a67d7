"""Links of the pages: names of skmi, papers, and other projects, all without network.

- Every name of skmi that is set as code becomes a link to its page.
- Every paper in the references of a docstring gets the link of the bibliography.
- Names of other projects are resolved by inventories that are written here.
"""

import importlib
import re
import zlib
from pathlib import Path

from docutils import nodes
from pybtex.database import parse_file
from sphinx import addnodes

import skmi

# Base address, page of a name ("$" stands for the name), and the names, each with its
# role and its page where that is another one.
PROJECTS = {
    "sklearn": (
        "https://scikit-learn.org/stable/",
        "modules/generated/$.html#$",
        {
            "sklearn.decomposition.PCA": "class",
            "sklearn.feature_selection.mutual_info_classif": "function",
            "sklearn.feature_selection.mutual_info_regression": "function",
            "sklearn.model_selection.GridSearchCV": "class",
            "sklearn.model_selection.StratifiedKFold": "class",
            "sklearn.pipeline.Pipeline": "class",
            "sklearn.preprocessing.OneHotEncoder": "class",
            "sklearn.preprocessing.StandardScaler": "class",
        },
    ),
    "numpy": (
        "https://numpy.org/doc/stable/",
        "reference/generated/$.html#$",
        {
            "numpy.ndarray": "class",
            "numpy.random.RandomState": "class reference/random/legacy.html#$",
        },
    ),
    "scipy": (
        "https://docs.scipy.org/doc/scipy/",
        "reference/generated/$.html#$",
        {
            "scipy.stats.false_discovery_control": "function",
            "scipy.stats.permutation_test": "function",
            "scipy.stats.bootstrap": "function",
        },
    ),
    "torch": (
        "https://docs.pytorch.org/docs/stable/",
        "generated/$.html#$",
        {
            "torch.Generator": "class",
            "torch.Tensor": "class tensors.html#$",
            "torch.nn.Module": "class",
            "torch.utils.data.DataLoader": "class data.html#$",
        },
    ),
    "matplotlib": (
        "https://matplotlib.org/stable/",
        "api/_as_gen/$.html#$",
        {
            "matplotlib.axes.Axes.barh": "method",
            "matplotlib.axes.Axes.errorbar": "method",
            "matplotlib.axes.Axes.imshow": "method",
            "matplotlib.axes.Axes.plot": "method",
            "matplotlib.axes.Axes.scatter": "method",
        },
    ),
    "pandas": (
        "https://pandas.pydata.org/docs/",
        "reference/api/$.html#$",
        {"pandas.DataFrame": "class", "pandas.Series": "class"},
    ),
}
MODULES = ["bounds", "critics", "datasets", "entropy", "inference", "multivariate"]
MODULES += ["scores", "series", "statistics"]


def write_inventories(app, config):
    """Write an inventory for each project, and name them to intersphinx."""
    folder = Path(app.outdir) / "inventories"
    folder.mkdir(parents=True, exist_ok=True)
    for project, (address, page, roles) in PROJECTS.items():
        head = f"# Sphinx inventory version 2\n# Project: {project}\n# Version: \n"
        head += "# The remainder of this file is compressed using zlib.\n"
        lines = [
            f"{name} py:{role} 1 {own_page or page} -\n"
            for name, (role, _, own_page) in split_roles(roles).items()
        ]
        path = folder / f"{project}.inv"
        path.write_bytes(head.encode() + zlib.compress("".join(lines).encode()))
        config.intersphinx_mapping[project] = (address, str(path))


def split_roles(roles):
    """Split "role page" of each name."""
    return {name: text.partition(" ") for name, text in roles.items()}


def pages_of_names():
    """Map each public name, short and in full, to the name of its page."""
    pages = {name: f"skmi.{name}" for name in skmi._MODULE_OF_NAME}
    for module in MODULES:
        for name in importlib.import_module(f"skmi.{module}").__all__:
            pages.setdefault(name, f"skmi.{module}.{name}")
            pages[f"{module}.{name}"] = f"skmi.{module}.{name}"
    pages |= {name.rpartition(".")[2]: name for name in PROJECTS["sklearn"][2]}
    return pages | {f"skmi.{name}": page for name, page in pages.items()}


def link_names(app, doctree):
    """Make links of the names of skmi that are set as code."""
    pages, here = pages_of_names(), app.env.docname
    labels = {f"skmi.{name}": f"api-{name}" for name in MODULES if name != "entropy"}
    for link in doctree.findall(addnodes.pending_xref):
        if link["reftype"] == "mod" and link["reftarget"] in labels:
            found = {"refdomain": "std", "reftype": "ref", "refexplicit": True}
            found |= {"reftarget": labels[link["reftarget"]], "refwarn": False}
            link.attributes |= found
    for literal in list(doctree.findall(nodes.literal)):
        text = literal.astext()
        name = pages.get(text.removesuffix("()"))
        target = labels.get(text, name)
        if target is None or here == f"generated/{target}" or is_link(literal):
            continue
        role = ("std", "ref") if text in labels else ("py", "obj")
        link = addnodes.pending_xref(
            "", refdomain=role[0], reftype=role[1], reftarget=target, refexplicit=True
        )
        link["refdoc"], link["refwarn"] = here, False
        link["py:module"] = link["py:class"] = None
        link["classes"] = ["xref", "py"]
        literal.replace_self(link)
        link += literal


def is_link(node):
    """Whether a node is within a link, a heading or a signature."""
    outer = (
        nodes.reference,
        addnodes.pending_xref,
        nodes.title,
        addnodes.desc_sig_name,
    )
    while node is not None:
        if isinstance(node, outer):
            return True
        node = node.parent
    return False


def read_papers(path):
    """Map the titles of the bibliography, long ones up to a colon, to addresses."""
    papers = {}
    for entry in parse_file(str(path), "bibtex").entries.values():
        fields = entry.fields
        address = fields.get("url")
        if "doi" in fields:
            address = f"https://doi.org/{fields['doi']}"
        elif "eprint" in fields:
            address = f"https://arxiv.org/abs/{fields['eprint']}"
        title = plain(fields["title"])
        start = plain(fields["title"].partition(":")[0])
        if address:
            papers[start if len(start.split()) > 4 else title] = address
    return papers


def plain(text):
    """Reduce a text to its small letters and figures."""
    return " ".join(re.sub(r"[^a-z0-9 ]", "", text.lower()).split())


def link_papers(app, what, name, obj, options, lines):
    """Append the address of each paper to the references of a docstring."""
    papers = app.papers
    starts = [k for k, line in enumerate(lines) if re.match(r"\s*\.\. \[", line)]
    for start in reversed(starts):
        end = start + 1
        while end < len(lines) and lines[end].strip() and end not in starts:
            end += 1
        text = plain(" ".join(lines[start:end]))
        found = [title for title in papers if title in text]
        address = papers[max(found, key=len)] if found else None
        if address:
            indent = " " * (len(lines[start]) - len(lines[start].lstrip()) + 3)
            shown = address.removeprefix("https://").removeprefix("doi.org/")
            lines.insert(end, f"{indent}`{shown} <{address}>`__")


def setup(app):
    """Connect the three kinds of links."""
    app.papers = read_papers(Path(app.srcdir) / "references.bib")
    app.connect("config-inited", write_inventories, priority=100)
    app.connect("doctree-read", link_names)
    app.connect("autodoc-process-docstring", link_papers, priority=900)
    return {"parallel_read_safe": True, "version": skmi.__version__}
