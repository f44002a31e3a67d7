"""The only file that imports private or experimental names of scikit-learn."""

from dataclasses import dataclass, field, fields
from numbers import Integral, Real

from numpy.random import RandomState
from sklearn.base import _fit_context as fit_context
from sklearn.base import clone
from sklearn.callback import CallbackSupportMixin, with_callbacks
from sklearn.utils import _safe_indexing, check_random_state
from sklearn.utils._param_validation import (
    HasMethods,
    Interval,
    Options,
    RealNotInt,
    StrOptions,
)
from sklearn.utils.validation import _check_sample_weight as check_sample_weight

__all__ = [
    "CallbackSupportMixin",
    "HasMethods",
    "Integral",
    "Interval",
    "Options",
    "Real",
    "RealNotInt",
    "StrOptions",
    "check_sample_weight",
    "doc_link",
    "fit_context",
    "make_random_state",
    "parameter",
    "parameters",
    "select_rows",
    "watch",
    "without_callbacks",
]

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


def make_random_state(random_state):
    """Return a RandomState; None means fresh entropy, never numpy's global state."""
    return RandomState() if random_state is None else check_random_state(random_state)


def select_rows(data, rows):
    """Return some rows of an array, frame or list, in the given order."""
    return _safe_indexing(data, rows)


def watch(estimator, results, task_name, n_tasks):
    """Collect results as they come, telling an estimator's callbacks of each."""
    if not getattr(estimator, "_skl_callbacks", None):
        return list(results)
    return _collect(estimator, results, task_name, n_tasks)


@with_callbacks
def _collect(estimator, results, task_name, n_tasks):
    context = estimator._init_callback_context(task_name, max_subtasks=n_tasks)
    context.call_on_fit_task_begin(estimator=estimator)
    collected = []
    for result in results:
        task = context.subcontext(task_name="fit")
        task.call_on_fit_task_begin(estimator=estimator)
        collected.append(result)
        task.call_on_fit_task_end(estimator=estimator)
    context.call_on_fit_task_end(estimator=estimator)
    return collected


def without_callbacks(estimator):
    """Return a clone that tells nobody of its fits."""
    estimator = clone(estimator)
    vars(estimator).pop("_skl_callbacks", None)
    return estimator
