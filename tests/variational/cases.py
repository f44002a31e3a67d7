"""What every critic-based estimator reports, and what their tests share."""

import math
from collections.abc import Callable
from typing import NamedTuple

import numpy as np
import pytest
import torch

from skmi import (
    CLUB,
    NWJ,
    SMILE,
    TNCE,
    BarberAgakov,
    DonskerVaradhan,
    InfoNCE,
    bounds,
)
from skmi.variational.conditional import ConditionalEstimator
from tests.estimators import all_estimators, is_neural
from tests.oracle import OracleConditionalCritic, OracleCritic


def no_ceiling(n_samples):
    return math.inf


class Reported(NamedTuple):
    """What an estimator with default parameters reports."""

    value: Callable | None  # as a function of the scores f (n, n) of the test samples
    bound: str = "none"  # "lower" or "upper", in expectation
    ceiling: Callable = no_ceiling  # the largest value, of the number of test samples
    contrast: str = "y"  # the side that `score` takes negative samples of


# One line for each estimator that trains a critic: a new one without a line fails
# test_report.py.
REPORTED = {
    "DonskerVaradhan": Reported(bounds.donsker_varadhan),
    "MINE": Reported(bounds.donsker_varadhan),
    "ReMINE": Reported(bounds.donsker_varadhan),
    "SMILE": Reported(lambda f: bounds.smile(f, 5.0)),
    "ReSMILE": Reported(lambda f: bounds.smile(f, 10.0)),
    "NWJ": Reported(lambda f: bounds.nwj(1 + f), "lower"),
    "ReNWJ": Reported(lambda f: bounds.nwj(1 + f.clamp(-10, 10)), "lower"),
    "JensenShannon": Reported(lambda f: bounds.nwj(1 + f), "lower"),
    "ReJensenShannon": Reported(lambda f: bounds.nwj(1 + f), "lower"),
    "TUBA": Reported(bounds.tuba, "lower"),
    "ReTUBA": Reported(lambda f: bounds.tuba(f.clamp(-10, 10)), "lower"),
    "InfoNCE": Reported(bounds.info_nce, "lower", math.log),
    "ReInfoNCE": Reported(bounds.info_nce, "lower", math.log),
    "InterpolatedBound": Reported(
        lambda f: bounds.interpolated_bound(f, 0.01),
        "lower",
        lambda n: 1 + math.log((n - 1) / 0.01),
        contrast="x",
    ),
    "TNCE": Reported(bounds.tnce, "lower", math.log, contrast="x"),
    "CLUB": Reported(bounds.club, contrast="x"),
    "LeaveOneOutBound": Reported(bounds.leave_one_out_bound, contrast="x"),
    "DifferenceOfEntropies": Reported(
        lambda f: bounds.barber_agakov(f.diagonal(), 0.0), contrast="x"
    ),
    # No function of the scores alone: it adds an entropy that is estimated from y.
    # test_conditional.py has its values.
    "BarberAgakov": Reported(None, contrast="x"),
}

NEURAL = [cls for cls in all_estimators() if is_neural(cls)]
each = pytest.mark.parametrize("cls", NEURAL, ids=lambda cls: cls.__name__)
# One for each way of training, where what is tested does not depend on the bound.
kinds = pytest.mark.parametrize(
    "cls", [DonskerVaradhan, NWJ, InfoNCE, SMILE, TNCE], ids=lambda cls: cls.__name__
)
# Small fits are cut short on purpose; the warning has a test of its own.
cut_short = pytest.mark.filterwarnings("ignore::skmi.exceptions.ConvergenceWarning")


def oracle_critic(cls, rho):
    """The exact critic: a log density for a decoder, else the log density ratio."""
    is_decoder = issubclass(cls, ConditionalEstimator)
    return (OracleConditionalCritic if is_decoder else OracleCritic)(rho)


def exact_entropy(cls, n_columns):
    """The entropy of standard normal columns, for the estimator that has to know."""
    value = n_columns * math.log(2 * math.pi * math.e) / 2
    return {"entropy": value} if cls is BarberAgakov else {}


def exact_value(cls, rho, n_columns):
    """The value that a bound has for the exact critic of normal pairs."""
    if cls is CLUB:
        return n_columns * rho**2 / (1 - rho**2)
    return -n_columns / 2 * math.log(1 - rho**2)


def score_matrix(estimator, X, y):
    """The scores of all pairs by the trained critic."""
    return torch.from_numpy(estimator._log_ratio(X, y))


def folds_of(estimator, X, y, seed):
    """Training, early-stopping and test samples of each fold of a fit with a seed."""
    return estimator._split(X, y, np.random.RandomState(seed))


class StopAt:
    """A callback that ends training after some epochs."""

    def __init__(self, epoch):
        pytest.importorskip("sklearn.callback")  # scikit-learn 1.9
        self.epoch, self.epochs, self.fitted = epoch, 0, None

    def setup(self, estimator, context):
        pass

    def teardown(self, estimator, context):
        pass

    def on_fit_task_begin(self, estimator, context):
        pass

    def on_fit_task_end(self, estimator, context, *, fitted_estimator):
        if context.task_name != "epoch":
            return False
        self.epochs += 1
        self.fitted = fitted_estimator
        return self.epochs == self.epoch
