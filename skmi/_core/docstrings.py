"""The shared descriptions of parameters and attributes, written once.

The line ``[shared]`` under a docstring's Parameters or Attributes stands for the
entries that every estimator of its kind has.
"""

import inspect
import re
from collections.abc import Iterable, Iterator
from typing import TypeVar

AnyClass = TypeVar("AnyClass", bound=type)

PARAMETERS = {
    "critic": """{"hybrid", "separable", "joint", "bilinear"}, critic or Module
    The network that scores pairs. A name stands for the critic of
    :mod:`skmi.critics` with the three parameters below; an instance of one of those
    classes has its own. A callable ``(n_x, n_y) -> Module`` or a ``torch.nn.Module``,
    which is copied, must map x (n, n_x) and y (m, n_y) to scores (n, m), or joined
    rows, x (n, n_x) and y (n, n_y), to (n, 1).""",
    "hidden_layer_sizes": """tuple of int
    Widths of the hidden layers, for a critic given by name.""",
    "activation": """{"silu", "relu", "gelu", "elu", "tanh"}
    Activation function between layers, for a critic given by name.""",
    "n_components": """int
    Dimension of the embeddings of the separable critic, for a critic given by name.""",
    "encoder_x": """transformer, torch.nn.Module or None
    Encoder that is applied to X first. A transformer with ``fit`` and ``transform`` is
    fitted on the training samples, with y as its target; a module maps samples (n,
    n_features) to codes and is trained together with the critic, without a
    reference.""",
    "encoder_y": """transformer, torch.nn.Module or None
    Encoder that is applied to y first, of the same kinds.""",
    "candidates": """list of estimators or None
    Other estimators of mutual information to be compared with the critic: each is
    fitted on the training samples of every fold, and the one with the largest lower
    bound on the test samples is chosen.""",
    "reference": """{"copula"} or None
    A closed-form log density ratio that the critic adds to: "copula" is that of an
    elliptical copula, estimated out of fold on the training samples. Training then
    starts from it, and the untrained critic may be the best one. For a continuous
    y.""",
    "max_iter": """int
    Maximum number of epochs.""",
    "batch_size": """int
    Number of samples in a batch.""",
    "n_negatives": """int or None
    Negative samples, which are independent pairs, for each joint pair in training; None
    uses the whole batch.""",
    "learning_rate_init": """float
    Learning rate of Adam.""",
    "alpha": """float
    Decoupled weight decay.""",
    "max_grad_norm": """float or None
    Maximum norm of the gradient of a step; a longer gradient is scaled down.""",
    "early_stopping": """bool
    Whether the best epoch is chosen on held-out early-stopping samples. If False, all
    samples but the test samples are used for training and the last weights are
    kept.""",
    "validation_fraction": """float
    Fraction of the samples that are not test samples to be held out for early
    stopping.""",
    "n_iter_no_change": """int
    Number of epochs without improvement after which training stops.""",
    "tol": """float
    Smallest rise of the held-out objective that counts as an improvement, in nats.""",
    "test_size": """float or int
    Fraction or number of test samples, on which the estimate is computed, when `cv` is
    None.""",
    "cv": """int, cross-validation generator, iterable or None
    Folds of cross-fitting: every sample is tested once, by a model that was neither
    trained nor stopped on it. An integer means shuffled folds, stratified for a
    discrete target. None holds out one test set of size `test_size`.""",
    "averaging": """{"micro", "macro"}
    Whether expectations are taken over all test samples ("micro") or the bound is
    averaged over blocks of at most 512 of them ("macro"). The logarithm of a mean is
    biased downwards, more so for few samples, so that blocks raise the bounds that
    subtract one. They help where the critic's level varies between blocks, which biases
    the pooled value downwards.""",
    "conditional": """callable or None
    The known density of y given x: ``conditional(X, y)`` returns its logarithm for
    each sample, shape (n,), or for all pairs of rows of X and y, shape (n, m). Then
    nothing is trained and all samples are test samples. None learns the density as
    `critic`.""",
    "drift_weight": """float
    Weight of the regularisation, the squared distance of the critic's level to
    `drift_target`.""",
    "drift_target": """float
    Target of the critic's level, :math:`\\log E_Q[e^f]`, in nats.""",
    "device": """str
    "auto" trains on CUDA where it is available; otherwise the name of a torch
    device.""",
    "discrete_target": """{"auto"} or bool
    Whether y consists of labels. "auto" treats strings, categories, booleans and two
    distinct values of any type as labels, and all other numbers, integers too, as
    continuous.""",
    "random_state": """int, RandomState instance or None
    Seed of all random numbers. Pass an int for reproducible results; None takes fresh
    entropy and does not change numpy's global state.""",
    "marginals": """{"rank", "standard"} or None
    How columns are transformed first: to the normal scores of their ranks ("rank"),
    which makes the estimate invariant under increasing maps of a column; to zero mean
    and unit variance ("standard"); or not at all.""",
    "discrete_features": """{"auto"}, bool or array-like
    Columns of X that are labels: all (True), none (False), a mask, their numbers or
    names. "auto" takes strings, categories, booleans and columns of two distinct
    values; all other whole numbers are numbers.""",
    "n_jobs": """int or None
    Number of threads: None means 1 outside a joblib context, -1 all processors.""",
    "n_neighbors": """int
    Number of neighbours of each sample in the joint space. More of them mean less
    variance and more bias.""",
}


ATTRIBUTES = {
    "mutual_info_": """float
    The estimate, in nats. May be negative.""",
    "standard_error_": """float
    Standard error of `mutual_info_`, in nats.""",
    "bound_": """{"lower", "upper", "none"}
    Whether `mutual_info_` is, in expectation, a lower bound, an upper bound or
    neither.""",
    "ceiling_": """float
    The largest value that `mutual_info_` can take, in nats; inf if there is none. For
    labels it is at most their entropy, and that of X where all of X is discrete: a
    larger estimate, as sampling errors cause, is reported as that entropy.""",
    "information_coefficient_": """float
    The estimate on the scale of 0 to 1 of Linfoot, :math:`\\sqrt{1 - e^{-2 I}}`; 0 for
    a negative one.""",
    "n_features_in_": """int
    Number of columns of X.""",
    "feature_names_in_": """ndarray of shape (`n_features_in_`,)
    Names of the columns of X, if all of them are strings.""",
    "classes_": """ndarray
    The labels of a discrete target; not set for a continuous one.""",
    "critic_": """torch.nn.Module
    The trained critic, on the CPU, with `cv` None.""",
    "critics_": """list of torch.nn.Module
    The trained critic of each fold.""",
    "n_iter_": """int
    Number of epochs run.""",
    "best_iter_": """int, or list of int with `cv`
    The epoch, counted from 1, whose weights were kept; 0 if they are those before
    training.""",
    "loss_curve_": """list of float
    Minus the objective on the batches, for each epoch; the mean over folds.""",
    "validation_scores_": """list of float or None
    The objective on the early-stopping samples, for each epoch; the mean over
    folds.""",
    "fold_scores_": """ndarray of shape (n_folds,)
    The estimate of each fold, with `cv`, in nats.""",
    "device_": """str
    The device that the critic was trained on.""",
    "encoder_": """torch.nn.Module
    The trained encoder, on the CPU.""",
    "rate_": """float
    Mean divergence of the distribution of a sample's codes from a mixture fitted to
    codes of training samples, in nats: an upper bound of I(Z; X) if their noise is
    normal.""",
    "rate_standard_error_": """float
    Standard error of `rate_`.""",
    "distortion_standard_error_": """float
    Standard error of `distortion_`.""",
}


def document(cls: AnyClass) -> AnyClass:
    """Class decorator: replace the lines ``[shared]`` by the shared entries."""
    if cls.__doc__ is None:
        return cls
    head, *tail = re.split(r"(?m)^    Attributes\n", cls.__doc__)
    parts = [_order(cls, _fill(head, _parameter_entries(cls, head)))]
    parts += [_fill(part, _attribute_entries(cls, part)) for part in tail]
    cls.__doc__ = "    Attributes\n".join(parts)
    return cls


def _parameter_entries(cls: type, text: str) -> Iterator[str]:
    texts = PARAMETERS | getattr(cls, "_parameter_texts", {})
    for name, parameter in inspect.signature(cls).parameters.items():
        if not re.search(rf"(?m)^    {name} : ", text):
            if name not in texts:
                texts = texts | _inherited_text(cls, name)
            if name not in texts:
                raise TypeError(
                    f"{cls.__name__}.{name} has no description: add one to the "
                    "docstring, under Parameters, or to _parameter_texts."
                )
            kind, body = texts[name].split("\n", 1)
            default = repr(parameter.default).replace("'", '"')
            yield f"{name} : {kind}, default={default}\n{body}"


def _inherited_text(cls: type, name: str) -> dict[str, str]:
    """Return the description that a parent's docstring has of a parameter."""
    entry = rf"(?ms)^    {name} : (.+?), default=[^\n]+\n(.+?)(?=^    \w|\n\n)"
    for parent in cls.__mro__[1:]:
        found = re.search(entry, parent.__doc__ or "")
        if found:
            body = re.sub(r"(?m)^    ", "", found[2]).rstrip()
            return {name: f"{found[1]}\n{body}"}
    return {}


def _attribute_entries(cls: type, text: str) -> Iterator[str]:
    for name in cls._shared_attributes:
        if not re.search(rf"(?m)^    {name} : ", text):
            yield f"{name} : {ATTRIBUTES[name]}"


def _fill(text: str, entries: Iterable[str]) -> str:
    if "[shared]" not in text:
        return text
    lines = "\n".join(entries).replace("\n", "\n    ")
    return text.replace("[shared]", lines, 1)


def _order(cls: type, text: str) -> str:
    """Bring the entries of parameters into the order of the signature."""
    names = list(inspect.signature(cls).parameters)
    start, *entries = re.split(rf"(?m)^(?=    (?:{'|'.join(names)}) : )", text)
    entries = [entry.rstrip() for entry in entries]
    entries.sort(key=lambda entry: names.index(entry.split()[0]))
    return start + "\n".join(entries) + "\n\n" if entries else text
