"""Parameters of the bottleneck that no other estimator has, with their texts."""

from collections.abc import Callable
from typing import ClassVar

from torch import nn

from skmi._core.params import parameter, parameters
from skmi._core.sklearn_compat import Integral, Interval, RealNotInt, StrOptions
from skmi.bottleneck.information import INFORMATION, NOISES
from skmi.bottleneck.network import BETA_SCHEDULES
from skmi.scores import SCORES
from skmi.training.parameters import COUNT, NON_NEGATIVE, POSITIVE, SHARE
from skmi.training.schedule import LEARNING_RATES

__all__ = ["BottleneckParameters"]

TEXTS = {
    "n_components": """int
    Number of columns of the code.""",
    "information": """str
    Estimate of I(Z; X), the term that compresses. "variational": the rate, an upper
    bound [1]_. "club" and "leave_one_out": upper bounds by the known density of codes
    given a sample. "mine", "infonce", "interpolated", "nwj" and "jsd": lower bounds by
    a critic, trained against the encoder [2]_; where one falls below its value for
    independent pairs, the encoder is not penalised. "mige": the estimated gradient,
    without bound or critic [3]_.""",
    "noise": """{"gaussian", "additive", "propagated"}
    Where the noise enters. "gaussian": codes are drawn around the encoder's output
    with standard deviations that it returns. "additive": noise is added to the
    features, with a learned standard deviation for each. "propagated": noise is
    appended to the features as columns. With "variational" the codes are drawn around
    the output in any case.""",
    "noise_scale": """float
    Initial standard deviation of "additive" noise, on standardised features.""",
    "beta": """float
    Weight of I(Z; X) relative to the cross-entropy, both in nats.""",
    "beta_schedule": """{"constant", "warm_up", "annealing"}
    The weight over the first 20 epochs, or half of `max_iter` if that is less:
    constant, rising linearly from 0, or rising geometrically from a thousandth of
    `beta`. The best epoch is chosen after that.""",
    "encoder": """torch.nn.Module, callable or None
    Maps samples (n, n_features) to codes (n, n_components), or to a pair of codes and
    the log standard deviations of their noise; None is a network of
    `hidden_layer_sizes`. A module is copied; a callable
    ``(n_features, n_components) -> Module`` makes one. With "propagated" noise it
    takes `n_components` columns of noise after the features.""",
    "critic": """{"hybrid", "separable", "joint", "bilinear"} or critic
    A critic of :mod:`skmi.critics` or its name, for the bounds that need one.""",
    "n_samples_predict": """int
    Number of codes drawn for each sample, over which predictions and reports are
    averaged.""",
    "n_negatives": """int or None
    Negative samples for each sample, in the bounds that need them; None takes all of
    the batch.""",
    "hidden_layer_sizes": """tuple of int
    Widths of the hidden layers of the encoder. The decoder is one linear layer.""",
    "activation": """{"silu", "relu", "gelu", "elu", "tanh"}
    Nonlinearity between layers of the encoder.""",
    "learning_rate": """{"constant", "cosine"} or float
    Whether `learning_rate_init` is constant, or decays to 0 along a half cosine over
    `max_iter` epochs; the latter suits ``early_stopping=False``. A number, such as
    0.97, is the factor by which it decreases every second epoch.""",
    "learning_rate_init": """float or pair of float
    Learning rate of Adam; of a pair the second one is that of the critic.""",
    "method": """str, dict or None
    Score-function estimator of "mige": a name in ``skmi.scores.SCORES``, or a dict of
    "method" and its options; None is "nu_method". The published one is
    ``{"method": "spectral_stein", "n_eigen_threshold": 0.94, "whiten": False,
    "reference": None}``.""",
    "early_stopping": """bool
    Whether to hold out samples that choose the best epoch, by the objective with the
    last weight; "mige" has no value and uses the cross-entropy alone. The epochs
    compared are those of a running mean of the weights. If False all but the test
    samples train and the last weights are kept.""",
    "validation_fraction": """float
    Fraction of the samples not tested on that is held out for early stopping.""",
    "test_size": """float or int
    Fraction or number of test samples, which do not train, and on which `rate_`,
    `distortion_` and `mutual_info_` are computed.""",
}


@parameters
class BottleneckParameters:
    """The code, its noise, its compression, and the samples it is tested on."""

    _parameter_texts: ClassVar = TEXTS

    n_components: int = parameter(default=8, constraints=COUNT)
    information: str = parameter(
        default="variational", constraints=[StrOptions(set(INFORMATION))]
    )
    noise: str = parameter(default="gaussian", constraints=[StrOptions(set(NOISES))])
    noise_scale: float = parameter(default=0.3, constraints=POSITIVE)
    beta: float = parameter(default=1e-3, constraints=NON_NEGATIVE)
    beta_schedule: str = parameter(
        default="constant", constraints=[StrOptions(set(BETA_SCHEDULES))]
    )
    encoder: nn.Module | Callable | None = parameter(
        default=None, constraints=[callable, None]
    )
    n_samples_predict: int = parameter(
        default=12, constraints=[Interval(Integral, 2, None, closed="left")]
    )
    learning_rate: str | float = parameter(
        default="constant", constraints=[StrOptions(set(LEARNING_RATES)), *SHARE]
    )
    method: str | dict | None = parameter(
        default=None, constraints=[StrOptions(set(SCORES)), dict, None]
    )
    # A predictor needs training samples more than it needs a precise report: a tenth,
    # where the estimators test on a quarter. Not chosen by an experiment.
    test_size: float = parameter(
        default=0.1,
        constraints=[
            Interval(RealNotInt, 0, 1, closed="neither"),
            Interval(Integral, 2, None, closed="left"),
        ],
    )
