"""The only file that imports private or experimental names of scikit-learn."""

from dataclasses import dataclass, field, fields
from numbers import Integral, Real

from sklearn.base import _fit_context as fit_context
from sklearn.callback import CallbackSupportMixin
from sklearn.utils._param_validation import HasMethods, Interval, StrOptions

__all__ = [
    "CallbackSupportMixin",
    "HasMethods",
    "Integral",
    "Interval",
    "Real",
    "StrOptions",
    "fit_context",
    "parameter",
    "parameters",
]


def parameter(default, *constraints):
    """Declare a constructor parameter: its default and what it may be."""
    return field(default=default, metadata={"constraints": list(constraints)})


def parameters(cls):
    """Class decorator: keyword-only constructor and validation from `parameter`."""
    cls = dataclass(kw_only=True, eq=False, repr=False)(cls)
    cls._parameter_constraints = {
        field.name: field.metadata["constraints"] for field in fields(cls)
    }
    return cls
