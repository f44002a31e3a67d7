"""Parameters of estimators, declared as fields: default, constraints, documentation."""

from dataclasses import dataclass, field, fields

from skmi._core.docstrings import document

__all__ = ["doc_link", "estimator", "parameter", "parameters"]

PAGES = "https://skmi.readthedocs.io/en/stable/generated/"


def parameter(default, *constraints, hidden=False):
    """Declare a constructor parameter: its default and what it may be.

    A hidden one does not show as an attribute: scikit-learn takes every object with an
    attribute `transform`, say, for a transformer.
    """
    metadata = {"constraints": list(constraints), "hidden": hidden}
    return field(default=default, metadata=metadata)


def parameters(cls):
    """Class decorator: keyword-only constructor, validation, link to the page."""
    cls = dataclass(kw_only=True, eq=False, repr=False)(cls)
    cls._parameter_constraints = {
        item.name: item.metadata["constraints"] for item in fields(cls)
    }
    for item in fields(cls):
        if item.metadata["hidden"]:
            setattr(cls, item.name, _Hidden(item.name))
    if getattr(cls, "_doc_link_module", None) != "skmi":
        cls._doc_link_module, cls._doc_link_template = "skmi", doc_link("skmi")
    return cls


def doc_link(module):
    """Return the address of an estimator's page, as its HTML representation has it."""
    return f"{PAGES}{module}.{{estimator_name}}.html"


class _Hidden:
    """Stores a parameter on the instance, out of sight of ``hasattr``."""

    def __init__(self, name):
        self.name = name

    def __get__(self, instance, owner=None):
        raise AttributeError(f"{self.name!r} is a parameter; see get_params().")

    def __set__(self, instance, value):
        vars(instance)[self.name] = value


def estimator(cls):
    """Class decorator of every estimator: parameters from fields, shared texts."""
    return document(parameters(cls))
