"""Every public estimator, small enough for many fits."""

import inspect

from sklearn.base import BaseEstimator, TransformerMixin

import skmi
from skmi.base import MutualInfoEstimator
from skmi.variational.base import CriticEstimator

# Estimators of numbers alone.
OF_NUMBERS = (
    skmi.GaussianMI,  # and GaussianCopulaMI
    skmi.StudentCopulaMI,
    skmi.EllipticalCopulaMI,
    skmi.KernelDensityMI,
)
SMALL = {"max_iter": 3, "hidden_layer_sizes": (8,)}


def all_estimators():
    """Public classes of estimators, found by walking the public names."""
    found = [getattr(skmi, name) for name in skmi.__all__]
    return [
        item
        for item in found
        if inspect.isclass(item) and issubclass(item, MutualInfoEstimator)
    ]


def all_with_parameters():
    """Public classes that have parameters: estimators, critics, the selector."""
    found = [getattr(skmi, name) for name in skmi.__all__]
    found += [getattr(skmi.critics, name) for name in skmi.critics.__all__]
    return [
        item
        for item in found
        if inspect.isclass(item) and issubclass(item, BaseEstimator)
    ]


def is_neural(cls):
    return issubclass(cls, CriticEstimator)


def takes_labels(cls):
    """Whether a class takes labels as y; the common tests hold all classes to it."""
    return not issubclass(cls, OF_NUMBERS)


def make_small(cls, **parameters):
    """An instance that fits in milliseconds."""
    names = cls().get_params(deep=False)
    small = {name: value for name, value in SMALL.items() if name in names}
    if cls is skmi.AutoMI:
        small["cv"] = 2
    seed = {"random_state": 0} if "random_state" in names else {}
    return cls(**{**small, **seed, **parameters})


def all_instances():
    """One small instance of each class, and those that take other paths."""
    instances = [make_small(cls) for cls in all_estimators()]
    return [
        *instances,
        skmi.KSG(variant=2),
        make_small(skmi.InfoNCE, critic="separable", n_negatives=None),
        make_small(skmi.DonskerVaradhan, critic="joint", cv=2),
        make_small(skmi.NWJ, critic="bilinear", averaging="macro"),
        make_small(skmi.InfoNCE, normalize="both"),
        make_small(skmi.DifferenceOfEntropies, critic="mixture"),
        make_small(skmi.SMILE, reference="copula"),
    ]


def all_predictors():
    """Public classes that predict a target through a code."""
    return [skmi.IBEncoder, skmi.IBRegressor]


def predictor_instances():
    """One small instance of each, and those that take other paths."""
    small = {
        "n_components": 2,
        "hidden_layer_sizes": (16,),
        "learning_rate_init": 0.03,
        "max_iter": 40,
        "random_state": 0,
    }
    return [
        *(cls(**small) for cls in all_predictors()),
        skmi.IBRegressor(**small, information="infonce", noise="additive"),
    ]


def all_transformers():
    """Public classes of transformers that learn from X alone or with a target."""
    rooms = ("skmi.encoders.",)
    found = [getattr(skmi, name) for name in skmi.__all__]
    return [
        item
        for item in found
        if inspect.isclass(item)
        and issubclass(item, TransformerMixin)
        and item.__module__.startswith(rooms)
    ]


def transformer_instances():
    """One small instance of each transformer, and those that take other paths."""
    return [
        *(make_small(cls) for cls in all_transformers()),
        make_small(skmi.ScoreEstimator, method="stein", reference=None),
        make_small(skmi.InfoMaxEncoder, objective="mige", n_components=2),
        make_small(skmi.InfoMaxEncoder, objective="jsd", prior_matching=1.0),
    ]
