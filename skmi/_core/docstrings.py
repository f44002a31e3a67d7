"""The canonical text of the shared parameters and attributes, written once.

The line ``[shared]`` under a docstring's Parameters or Attributes stands for the
entries that every estimator of its kind has.
"""

import inspect
import re

PARAMETERS = {
    "critic": """{"hybrid", "separable", "joint", "bilinear"}, critic or Module
    The network that scores pairs. A name is short for the critic of
    :mod:`skmi.critics` with the three parameters below; an instance of one of those
    classes brings its own. A callable ``(n_x, n_y) -> Module`` or a
    ``torch.nn.Module``, which is copied, must map x (n, n_x) and y (m, n_y) to scores
    (n, m).""",
    "hidden_layer_sizes": """tuple of int
    Widths of the hidden layers, for a critic given by name.""",
    "activation": """{"silu", "relu", "gelu", "elu", "tanh"}
    Nonlinearity between layers, for a critic given by name.""",
    "n_components": """int
    Length of the embeddings of the separable critic, for a critic given by name.""",
    "encoder_x": """transformer, torch.nn.Module or None
    What X passes through first. A transformer with ``fit`` and ``transform`` is fitted
    on the training rows, with y as its target; a module takes rows (n, n_features),
    returns codes, and is trained together with the critic, without a reference.""",
    "encoder_y": """transformer, torch.nn.Module or None
    The same for y.""",
    "candidates": """list of estimators or None
    Other estimators of mutual information to be held against the critic: each is
    fitted on the training rows of every fold, and the one with the largest lower bound
    on the report rows is taken.""",
    "reference": """{"copula"} or None
    A closed-form log density ratio that the critic adds to: "copula" is that of an
    elliptical copula, measured out of fold on the training rows. Training then starts
    from it, and may end there. For a continuous y.""",
    "max_iter": """int
    Largest number of epochs.""",
    "batch_size": """int
    Rows in a batch.""",
    "n_negatives": """int or None
    Independent pairs scored for each joint pair in training; None takes all of the
    batch.""",
    "learning_rate_init": """float
    Step size of Adam.""",
    "alpha": """float
    Decoupled weight decay.""",
    "max_grad_norm": """float or None
    Largest norm of the gradient of a step; a longer one is scaled down.""",
    "early_stopping": """bool
    Whether to hold out rows that choose the best epoch. If False all but the report
    rows train and the last weights stand.""",
    "validation_fraction": """float
    Share of the rows not reported on that is held out for early stopping.""",
    "n_iter_no_change": """int
    Epochs without improvement after which training stops.""",
    "tol": """float
    Smallest rise of the held-out objective that counts as an improvement, in nats.""",
    "test_size": """float or int
    Share or number of rows that the estimate is reported on, when `cv` is None.""",
    "cv": """int, cross-validation generator, iterable or None
    Folds of cross-fitting: every row is reported once, by a model that has not seen
    it. A number means shuffled folds, stratified for a discrete target. None reports
    on one held-out part of size `test_size`.""",
    "averaging": """{"micro", "macro"}
    Whether expectations are pooled over all report rows ("micro") or the bound is
    averaged over blocks of at most 512 rows ("macro"). A logarithm of a mean over few
    rows is too low, so that blocks raise the bounds that subtract one; they pay where
    the critic's level differs from block to block, which pooling turns into a bias
    downwards.""",
    "conditional": """callable or None
    The known density of y given x: ``conditional(X, y)`` returns its logarithm for
    each row, shape (n,), or for all pairs of rows of X and y, shape (n, m). Nothing is
    trained then and all rows are reported on. None learns the density as `critic`.""",
    "drift_weight": """float
    Weight of the squared distance of the critic's level to `drift_target`.""",
    "drift_target": """float
    Where the critic's level, :math:`\\log E_Q[e^f]`, is drawn to, in nats.""",
    "device": """str
    "auto" trains on CUDA where there is one; or a name that torch knows.""",
    "discrete_target": """{"auto"} or bool
    Whether y holds labels. "auto" takes strings, categories and booleans as labels
    and every number, integers too, as continuous.""",
    "random_state": """int, RandomState instance or None
    Seed of everything drawn at random. Pass an int for the same result each time; None
    takes fresh entropy and leaves numpy's global state alone.""",
    "marginals": """{"rank", "standard"} or None
    How a column is seen: by the normal scores of its ranks, which makes the estimate
    the same under any increasing map of a column; standardised; or as it is.""",
    "discrete_features": """{"auto"}, bool or array-like
    Which columns of X hold labels, between which there is no distance: all (True),
    none (False), a mask or the numbers of the columns. "auto" takes those of strings,
    categories and booleans.""",
    "n_jobs": """int or None
    Threads at work: None means 1 outside a joblib context, -1 all processors.""",
    "n_neighbors": """int
    Neighbours of each row in the joint space. More of them mean less variance and
    more bias.""",
}


ATTRIBUTES = {
    "mutual_info_": """float
    The estimate, in nats. May be negative.""",
    "standard_error_": """float
    Standard error of `mutual_info_`, in nats.""",
    "bound_": """{"lower", "upper", "none"}
    What `mutual_info_` is in expectation.""",
    "ceiling_": """float
    The largest value that `mutual_info_` could have taken, inf where there is none.""",
    "information_coefficient_": """float
    The estimate on the scale of 0 to 1 of Linfoot, :math:`\\sqrt{1 - e^{-2 I}}`; 0 for
    a negative one.""",
    "n_features_in_": """int
    Number of columns of X.""",
    "feature_names_in_": """ndarray of shape (`n_features_in_`,)
    Names of the columns of X, where it has names that are all strings.""",
    "classes_": """ndarray
    The labels of a discrete target; not there for a continuous one.""",
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
    The objective on the early-stopping rows, for each epoch; the mean over folds.""",
    "fold_scores_": """ndarray of shape (n_folds,)
    The estimate of each fold, with `cv`.""",
    "device_": """str
    Where the critic was trained.""",
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


def document(cls):
    """Class decorator: replace the lines ``[shared]`` by the canonical entries."""
    if cls.__doc__ is None:
        return cls
    head, *tail = re.split(r"(?m)^    Attributes\n", cls.__doc__)
    parts = [_order(cls, _fill(head, _parameter_entries(cls, head)))]
    parts += [_fill(part, _attribute_entries(cls, part)) for part in tail]
    cls.__doc__ = "    Attributes\n".join(parts)
    return cls


def _parameter_entries(cls, text):
    texts = PARAMETERS | getattr(cls, "_parameter_texts", {})
    for name, parameter in inspect.signature(cls).parameters.items():
        if not re.search(rf"(?m)^    {name} : ", text):
            if name not in texts:
                raise TypeError(
                    f"{cls.__name__}.{name} has no text: describe it in the docstring, "
                    "under Parameters, or in _parameter_texts."
                )
            kind, body = texts[name].split("\n", 1)
            default = repr(parameter.default).replace("'", '"')
            yield f"{name} : {kind}, default={default}\n{body}"


def _attribute_entries(cls, text):
    for name in cls._shared_attributes:
        if not re.search(rf"(?m)^    {name} : ", text):
            yield f"{name} : {ATTRIBUTES[name]}"


def _fill(text, entries):
    if "[shared]" not in text:
        return text
    lines = "\n".join(entries).replace("\n", "\n    ")
    return text.replace("[shared]", lines, 1)


def _order(cls, text):
    """Bring the entries of parameters into the order of the signature."""
    names = list(inspect.signature(cls).parameters)
    start, *entries = re.split(rf"(?m)^(?=    (?:{'|'.join(names)}) : )", text)
    entries = [entry.rstrip() for entry in entries]
    entries.sort(key=lambda entry: names.index(entry.split()[0]))
    return start + "\n".join(entries) + "\n\n" if entries else text
