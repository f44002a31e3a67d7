"""The only file that imports private or experimental names of scikit-learn."""

import functools
import inspect
from collections.abc import Callable
from numbers import Integral, Real
from typing import TYPE_CHECKING, TypeVar

import numpy as np
from numpy.random import RandomState
from sklearn.base import _fit_context, clone
from sklearn.utils import _safe_indexing, check_random_state
from sklearn.utils._param_validation import (
    HasMethods,
    Interval,
    Options,
    RealNotInt,
    StrOptions,
)
from sklearn.utils.validation import _check_sample_weight as check_sample_weight

MYPY = False  # mypy takes it for true; other checkers read scikit-learn's source
if MYPY:
    from skmi._core.sklearn_types import (
        BaseEstimator,
        ClassifierMixin,
        ClassNamePrefixFeaturesOutMixin,
        MultiOutputMixin,
        OneToOneFeatureMixin,
        RegressorMixin,
        TransformerMixin,
    )
else:
    from sklearn.base import (
        BaseEstimator,
        ClassifierMixin,
        ClassNamePrefixFeaturesOutMixin,
        MultiOutputMixin,
        OneToOneFeatureMixin,
        RegressorMixin,
        TransformerMixin,
    )

if TYPE_CHECKING:  # with any version of scikit-learn
    from skmi._core.sklearn_types import CallbackSupportMixin, with_callbacks
else:
    try:
        from sklearn.callback import CallbackSupportMixin, with_callbacks
    except ImportError:  # before scikit-learn 1.9
        from skmi._core.inert_callbacks import CallbackSupportMixin, with_callbacks

__all__ = [
    "BaseEstimator",
    "CallbackSupportMixin",
    "ClassNamePrefixFeaturesOutMixin",
    "ClassifierMixin",
    "HasMethods",
    "Integral",
    "Interval",
    "MultiOutputMixin",
    "OneToOneFeatureMixin",
    "Options",
    "Real",
    "RealNotInt",
    "RegressorMixin",
    "StrOptions",
    "TransformerMixin",
    "check_sample_weight",
    "fit_context",
    "make_random_state",
    "named_arguments",
    "select_rows",
    "watch",
    "watch_test",
    "without_callbacks",
]

Method = TypeVar("Method", bound=Callable)


def fit_context(*, prefer_skip_nested_validation: bool) -> Callable[[Method], Method]:
    """Return scikit-learn's decorator of ``fit``, which validates the parameters.

    Arguments that do not fit are refused as `named_arguments` does.
    """
    validated = _fit_context(
        prefer_skip_nested_validation=prefer_skip_nested_validation
    )
    return lambda method: named_arguments(validated(method))


def named_arguments(method: Method) -> Method:
    """Decorate a method so that wrong arguments are refused in the name of the class.

    Python would name the private class that defines the method.
    """
    signature = inspect.signature(method)

    @functools.wraps(method)
    def named(self, *given, **options):
        try:
            signature.bind(self, *given, **options)
        except TypeError as error:
            name = f"{type(self).__name__}.{method.__name__}()"
            raise TypeError(refusal(name, str(error), options)) from None
        return method(self, *given, **options)

    return named


def refusal(name: str, reason: str, options: dict) -> str:
    """Return the message for arguments that a method does not take."""
    if reason.startswith("missing") and reason.endswith("'y'"):
        return (
            f"{name} is missing y; pass arrays or tables X and y. Batches (X, y), as "
            "from a DataLoader, are taken by estimators that train a critic, and by "
            "IBEncoder and IBRegressor."
        )
    if "'sample_weight'" in reason:
        return (
            f"{name} takes no sample_weight. Leave it out, or use an estimator whose "
            "fit takes it: GaussianMI, GaussianCopulaMI, StudentCopulaMI, one that "
            "trains a critic, such as InfoNCE, or MIFeatureSelector."
        )
    return f"{name} {reason}."


def make_random_state(random_state):
    """Return a RandomState; None means fresh entropy, never numpy's global state."""
    return RandomState() if random_state is None else check_random_state(random_state)


def select_rows(data, rows):
    """Return some rows of an array, frame or list, in the given order."""
    if type(data).__module__.partition(".")[0] == "pyarrow":  # not in 1.7
        return data.take(np.arange(len(data))[rows])
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


def watch_test(callbacks, results, name, n_tasks):
    """Collect the results of a test that has no estimator, telling its callbacks."""
    if not callbacks:
        return list(results)
    watched = type(name, (CallbackSupportMixin, BaseEstimator), {})()
    watched.set_callbacks(*callbacks)
    return watch(watched, results, "permutations", n_tasks)


def without_callbacks(estimator):
    """Return a clone without the callbacks of its original."""
    estimator = clone(estimator)
    vars(estimator).pop("_skl_callbacks", None)
    return estimator
