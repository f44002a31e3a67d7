"""Pages of the API: one for each section of api.rst, which becomes their overview."""

import re
from pathlib import Path

MODULE = ".. currentmodule:: skmi\n\n"
TITLE = re.compile(r"(?m)^((?:\.\. _.*:\n\n)?)(.+)\n-+\n")
ENTRIES = "   :toctree: generated\n"


def split(text):
    """Split api.rst into its head and the label, title and body of each section."""
    head, *parts = TITLE.split(text)
    parts = [part.replace(MODULE, "") for part in parts]
    return head, list(zip(parts[::3], parts[1::3], parts[2::3], strict=True))


def name_of(title):
    """Make the name of a page from the title of a section."""
    return "api/" + re.sub(r"\W+", "_", title.lower()).strip("_")


def write_pages(app, config):
    """Write a page for each section, with links to the pages of its names."""
    folder = Path(app.srcdir)
    (folder / "api").mkdir(exist_ok=True)
    for label, title, body in split((folder / "api.rst").read_text("utf-8"))[1]:
        body = body.replace(ENTRIES, "   :toctree: ../generated\n")
        text = f"{label}{title}\n{'=' * len(title)}\n\n{MODULE}{body.lstrip()}"
        path = folder / f"{name_of(title)}.rst"
        if not path.exists() or path.read_text("utf-8") != text:
            path.write_text(text, "utf-8")


def make_overview(app, docname, source):
    """Let the titles of api.rst lead to the pages, which list the names."""
    if docname != "api":
        return
    head, sections = split(source[0])
    names = [f"   {name_of(title)}\n" for _, title, _ in sections]
    text = f"{head}{MODULE}.. toctree::\n   :hidden:\n\n{''.join(names)}\n"
    for _, title, body in sections:
        link = f":doc:`{title} <{name_of(title)}>`"
        text += f"{link}\n{'-' * len(link)}\n{body.replace(ENTRIES, '')}"
    source[0] = text


def setup(app):
    """Write the pages before Sphinx looks for pages."""
    app.connect("config-inited", write_pages)
    app.connect("source-read", make_overview)
    return {"parallel_read_safe": True}
