"""Parameters of estimators, declared as fields: default, constraints, documentation."""

import inspect
from dataclasses import MISSING, dataclass, field, fields
from typing import (
    TYPE_CHECKING,
    Any,
    ClassVar,
    TypeVar,
    dataclass_transform,
    get_origin,
)

import numpy as np

from skmi._core.docstrings import document
from skmi._core.sklearn_compat import BaseEstimator

__all__ = [
    "DeclaredParameters",
    "doc_link",
    "estimator",
    "not_defined",
    "parameter",
    "parameters",
]

PAGES = "https://skmi.readthedocs.io/en/stable/generated/"

AnyClass = TypeVar("AnyClass", bound=type)


def parameter(*, default: Any, constraints: list) -> Any:
    """Declare a constructor parameter: its default and the values it may take.

    Constraints are those of scikit-learn: types, intervals, sets of strings, callables.
    """
    return field(default=default, metadata={"constraints": constraints})


class DeclaredParameters(BaseEstimator):
    """Base of the classes whose parameters are fields.

    Their constructor is generated, so that a subclass cannot have one of its own:
    parameters that it lacked would be lost to ``get_params`` and ``clone``.
    """

    if TYPE_CHECKING:  # set by scikit-learn's validation, which checkers do not see
        n_features_in_: int
        feature_names_in_: np.ndarray

    def __init_subclass__(cls, **options):
        super().__init_subclass__(**options)
        require_declared(cls)
        if "__init__" in vars(cls):
            raise TypeError(
                f"{cls.__name__} defines __init__, but the constructor is generated "
                "from its parameters. Declare each as a field, "
                "`name: type = parameter(default=..., constraints=[...])`, under the "
                "class decorator skmi.base.estimator."
            )


@dataclass_transform(
    kw_only_default=True, eq_default=False, field_specifiers=(parameter,)
)
def parameters(cls: AnyClass) -> AnyClass:
    """Class decorator: keyword-only constructor, validation, link to the page."""
    require_declared(cls)
    cls = dataclass(kw_only=True, eq=False, repr=False, match_args=False)(cls)
    cls.__init__.__signature__ = without_types(inspect.signature(cls.__init__))
    cls._parameter_constraints = {
        item.name: item.metadata["constraints"] for item in fields(cls)
    }
    if getattr(cls, "_doc_link_module", None) != "skmi":
        cls._doc_link_module, cls._doc_link_template = "skmi", doc_link("skmi")
    return cls


@dataclass_transform(
    kw_only_default=True, eq_default=False, field_specifiers=(parameter,)
)
def estimator(cls: AnyClass) -> AnyClass:
    """Class decorator of every estimator: parameters from fields, shared texts."""
    return document(parameters(cls))


def require_declared(cls: type) -> None:
    """Raise where a field states no constraints, as a plain dataclass field does."""
    for name, annotation in vars(cls).get("__annotations__", {}).items():
        if is_class_variable(annotation):
            continue
        declared = vars(cls).get(name, MISSING)
        if not hasattr(declared, "metadata") or "constraints" not in declared.metadata:
            raise TypeError(
                f"{cls.__name__}.{name} must be declared as `{name}: type = "
                "parameter(default=..., constraints=[...])`; an attribute that is no "
                "parameter is annotated as typing.ClassVar, or not at all."
            )


def is_class_variable(annotation: Any) -> bool:
    """Whether an annotation, evaluated or as a string, is typing.ClassVar."""
    if isinstance(annotation, str):
        return annotation.partition("[")[0].rpartition(".")[2] == "ClassVar"
    return annotation is ClassVar or get_origin(annotation) is ClassVar


def without_types(signature: inspect.Signature) -> inspect.Signature:
    """Return a signature of names and defaults, short enough to open a help page.

    The types, in words, are in the docstring; type checkers read the fields.
    """
    empty = inspect.Signature.empty
    items = [item.replace(annotation=empty) for item in signature.parameters.values()]
    return signature.replace(parameters=items, return_annotation=empty)


def not_defined(owner: Any, hook: str) -> NotImplementedError:
    """Return the error of a method that a class of the user's own has to define."""
    method = getattr(type(owner), hook)
    names = ", ".join(list(inspect.signature(method).parameters)[1:])
    task = (inspect.getdoc(method) or "").partition("\n")[0]
    return NotImplementedError(
        f"{type(owner).__name__} must define {hook}({names}): {task}"
    )


def doc_link(module: str) -> str:
    """Return the address of an estimator's page, as its HTML representation has it."""
    return f"{PAGES}{module}.{{estimator_name}}.html"
