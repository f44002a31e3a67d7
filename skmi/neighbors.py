"""Estimators that count nearest neighbours (no training, no torch)."""

import copy
import math

import numpy as np
from joblib import effective_n_jobs
from scipy.special import digamma
from sklearn.utils.validation import (
    check_array,
    check_consistent_length,
    check_X_y,
    validate_data,
)

from skmi._columns import BlockView
from skmi._kinds import feature_kinds, is_missing, label_rows, target_kind
from skmi._nearest import Block, JointRows, join_blocks
from skmi._sklearn import (
    Integral,
    Interval,
    Options,
    StrOptions,
    make_random_state,
    parameter,
)
from skmi.base import MutualInfoEstimator, Report, estimator
from skmi.entropy import weighted_entropy_terms
from skmi.statistics import standard_error

__all__ = ["KSG", "MixedKSG", "conditional_mutual_info"]


# -- estimates, one value for each row -------------------------------------------------


def ksg_terms(joint, n_neighbors):
    r"""Terms of the first estimator of Kraskov et al., and of Ross for labels.

    .. math:: \psi(k) + \psi(N) - \psi(n_x + 1) - \psi(n_y + 1)
    """
    found, n_x, n_y = joint.ball_counts(n_neighbors)
    return digamma(found) + digamma(len(found)) - digamma(n_x) - digamma(n_y)


def mixed_ksg_terms(joint, n_neighbors):
    r"""Terms of Gao et al. for mixtures.

    .. math:: \psi(\tilde k) + \log N - \psi(n_x + 1) - \psi(n_y + 1)
    """
    n_samples = len(joint.columns)
    terms = ksg_terms(joint, n_neighbors)
    return terms - digamma(n_samples) + math.log(n_samples)


def ksg_box_terms(joint, n_neighbors):
    r"""Terms of the second estimator of Kraskov et al.

    .. math:: \psi(k) - 1/k + \psi(N) - \psi(n_x) - \psi(n_y)
    """
    n_x, n_y = joint.box_counts(n_neighbors)
    level = digamma(n_neighbors) - 1 / n_neighbors + digamma(len(n_x))
    return level - digamma(n_x) - digamma(n_y)


def local_ksg_terms(joint, n_neighbors):
    r"""Terms of the first estimator with the local correction of Gao et al.

    .. math:: \log \frac{V_i}{\bar V_i} \quad \text{where} \quad
        \frac{\bar V_i}{V_i} < \alpha

    is added, with :math:`V_i` the volume of the smallest box around row i that holds
    its neighbours, and :math:`\bar V_i` that of the smallest along principal axes.
    """
    columns, near = joint.columns, joint.neighbors(n_neighbors)
    threshold = log_volume_threshold(n_neighbors, columns.shape[1])
    terms = ksg_terms(joint, n_neighbors)
    for rows in np.array_split(np.arange(len(near)), -(-len(near) // 4096)):
        gap = log_volume_gap(columns[near[rows]] - columns[rows, np.newaxis])
        terms[rows] += np.where(gap < threshold, -gap, 0.0)
    return terms


def log_volume_gap(offsets):
    """Return the log ratio of two boxes, along principal axes and along the columns.

    The offsets of the neighbours of each row have the shape (n, k, d). No side counts
    as shorter than what rounding leaves of the longest.
    """
    _, axes = np.linalg.eigh(offsets.transpose(0, 2, 1) @ offsets)
    along, plain = (np.abs(block).max(axis=1) for block in (offsets @ axes, offsets))
    least = np.finfo(float).eps * plain.max(axis=1, keepdims=True)
    along, plain = np.maximum(along, least), np.maximum(plain, least)
    return np.log(along).sum(axis=1) - np.log(plain).sum(axis=1)


def log_volume_threshold(n_neighbors, n_columns, level=0.005, n_draws=5000):
    """Return the gap that so small a share of uniform neighbourhoods falls below."""
    shape = n_draws, n_neighbors, n_columns
    offsets = np.random.RandomState(0).uniform(-1, 1, shape)
    return np.quantile(log_volume_gap(offsets), level)


def entropy_terms(joint, n_neighbors):
    """Terms of the difference of three weighted Kozachenko-Leonenko entropies."""
    workers = effective_n_jobs(joint.n_jobs)
    h_x, h_y, h_xy = (
        weighted_entropy_terms(columns, n_neighbors, workers)
        for columns in (joint.x.columns, joint.y.columns, joint.columns)
    )
    return h_x + h_y - h_xy


# -- estimators ------------------------------------------------------------------------


@estimator
class _NeighborEstimator(MutualInfoEstimator):
    """Base of the estimators that count neighbours."""

    n_neighbors: int = parameter(3, Interval(Integral, 1, None, closed="left"))
    transform: object = parameter(
        "rank", StrOptions({"rank", "standard"}), None, hidden=True
    )
    n_jobs: int | None = parameter(None, Integral, None)
    random_state: object = parameter(None, "random_state")

    _breaks_ties = True
    _is_normalized = True

    def _fit(self, X, y):
        seed = make_random_state(self.random_state).randint(np.iinfo(np.int32).max)
        self._tie_seed = seed
        self._joint = self._join(*self._learn_views(X, y))
        terms = self._terms(self._joint)
        ceiling = self._ceiling(len(X))
        if self._breaks_ties and self._has_ties:
            # New pairs are held against the rows as they are.
            self._joint = self._join(self._x_block(X), self._y_block(y))
        return Report(terms.mean(), standard_error(terms), ceiling)

    def _join(self, x, y):
        return JointRows(x, y, self.n_jobs, self.device)

    def _ceiling(self, n_samples):
        """Bound of the estimate: each row has as many neighbours on a side as jointly.

        Labels with fewer rows than neighbours break it.
        """
        if len(self._joint.groups) > 1:
            return math.inf
        return self._constant(n_samples) - digamma(self.n_neighbors)

    def _learn_views(self, X, y):
        """Learn how to see the columns; return both sides as seen."""
        if len(X) <= self.n_neighbors:
            raise ValueError(
                f"n_samples={len(X)} is too few for n_neighbors={self.n_neighbors}; "
                "there must be more rows than neighbours."
            )
        random_state = np.random.RandomState(self._tie_seed)
        transform = vars(self)["transform"]
        X, x_codes = self._separate(X)
        self._x_view = BlockView(X, transform)
        x = Block(self._see_once(self._x_view, X, random_state), x_codes)
        if hasattr(self, "classes_"):
            return x, self._y_block(y)
        self._y_view = BlockView(y, transform)
        y_codes = np.zeros(len(y), dtype=int)
        return x, Block(self._see_once(self._y_view, y, random_state), y_codes)

    @property
    def _has_ties(self):
        y_view = [] if hasattr(self, "classes_") else self._y_view.views
        return any(view.has_ties for view in (*self._x_view.views, *y_view))

    def _see_once(self, view, block, random_state):
        """See the rows of a fit, their ties broken where the method needs it."""
        if self._breaks_ties:
            return view.apply_without_ties(block, random_state)
        return view.apply(block)

    def _separate(self, X):
        """Return the continuous columns, and one code for the discrete ones."""
        return X, np.zeros(len(X), dtype=int)

    def _x_block(self, X):
        X, codes = self._separate(X)
        return Block(self._x_view.apply(X), codes)

    def _y_block(self, y):
        if hasattr(self, "classes_"):
            return Block(np.empty((len(y), 0)), y)
        return Block(self._y_view.apply(y), np.zeros(len(y), dtype=int))

    # -- new rows ----------------------------------------------------------------

    def _mutual_info(self, X, y):
        other = copy.copy(self)
        return other._terms(other._join(*other._learn_views(X, y))).mean()

    def _log_ratio(self, X, y):
        x, z = self._x_block(X), self._y_block(y)
        radius, found = self._joint.new_radius_each(x, z, self.n_neighbors)
        n_x = self._joint.x.count_each(x, radius)
        n_y = self._joint.y.count_each(z, radius.T).T
        return self._new_terms(x.codes[:, np.newaxis], found, n_x, n_y)

    def _log_ratio_of_pairs(self, X, y):
        x, z = self._x_block(X), self._y_block(y)
        radius, found = self._joint.new_radius(x, z, self.n_neighbors)
        n_x, n_y = self._joint.x.count(x, radius), self._joint.y.count(z, radius)
        return self._new_terms(x.codes, found, n_x, n_y)

    def _new_terms(self, x_codes, found, n_x, n_y):
        """Terms of new pairs; a combination of labels never seen tells nothing."""
        n_samples = len(self._joint.columns) + 1
        inner = digamma(found) + digamma(n_samples)
        terms = inner - digamma(n_x + 1) - digamma(n_y + 1)
        return np.where(x_codes < 0, 0.0, terms)


@estimator
class KSG(_NeighborEstimator):
    r"""Nearest-neighbour estimator of Kraskov, Stögbauer and Grassberger.

    .. math:: I = \psi(k) + \psi(N) - \langle \psi(n_x + 1) + \psi(n_y + 1) \rangle

    with :math:`n_x` the rows whose x is nearer than the k-th neighbour in the joint
    space, by the larger of the distances in x and in y [1]_. Labels as y are handled
    by the estimator of Ross [2]_. All rows are used, none for training. Accurate in one
    to three dimensions; too low in more, and for strong dependence.

    Parameters
    ----------
    [shared]
    variant : {1, 2, "lnc", "weighted"}, default=1
        The first estimator of [1]_, or the second, of less bias and more variance. For
        strong dependence: "lnc", the first with the local correction of [3]_, which
        needs more neighbours than columns; "weighted", a difference of weighted
        entropies of whitened columns [4]_, best with ten neighbours or more. Both take
        `transform` "standard" or None, and no column that repeats a value more than
        `n_neighbors` times.
    device : str or None, default=None
        None or "cpu" looks for neighbours here, with trees or, where there are many
        columns, blocks of distances. The name of another device, such as "cuda", has
        torch do it there; "auto" takes CUDA where there is one.

    Attributes
    ----------
    [shared]

    See Also
    --------
    MixedKSG : For columns with repeated values, and for columns of labels.

    Notes
    -----
    Equal values in a column, as after rounding, are set apart at random, which does
    not change the mutual information of rounded values. A constant column carries 0.
    Without labels no estimate of the variants 1 and 2 can exceed
    :math:`\psi(N) - \psi(k)`; the others have no ceiling. On new rows all take the log
    ratio of the first, and with labels as y they are the first. The standard error
    treats the terms of the rows as independent; on normal columns the true spread was
    1.1 to 1.45 times as large. :func:`skmi.inference.confidence_interval` allows for
    that and for the bias.

    References
    ----------
    .. [1] A. Kraskov, H. Stögbauer, P. Grassberger. Estimating mutual information.
       Phys. Rev. E 69, 066138, 2004.
    .. [2] B. C. Ross. Mutual information between discrete and continuous data sets.
       PLoS ONE 9(2), e87357, 2014.
    .. [3] S. Gao, G. Ver Steeg, A. Galstyan. Efficient estimation of mutual information
       for strongly dependent variables. AISTATS, 2015.
    .. [4] T. B. Berrett, R. J. Samworth, M. Yuan. Efficient multivariate entropy
       estimation via k-nearest neighbour distances. Ann. Statist. 47, 2019.

    Examples
    --------
    >>> from skmi import KSG
    >>> from skmi.datasets import make_correlated_normal
    >>> X, Y, truth = make_correlated_normal(
    ...     2000, 1, mutual_info=0.5, random_state=0)
    >>> round(KSG().fit(X, Y).mutual_info_, 1)
    0.5
    """

    variant: object = parameter(
        1, Options(Integral, {1, 2}), StrOptions({"lnc", "weighted"})
    )
    device: str | None = parameter(None, str, None)

    def _constant(self, n_samples):
        return digamma(n_samples) - (self.variant == 2) / self.n_neighbors

    def _ceiling(self, n_samples):
        unbounded = isinstance(self.variant, str)
        return math.inf if unbounded else super()._ceiling(n_samples)

    def _terms(self, joint):
        continuous = joint.x.columns.shape[1] and joint.y.columns.shape[1]
        variant = self.variant if continuous else 1
        return VARIANTS[variant](joint, self.n_neighbors)

    def _learn_views(self, X, y):
        if isinstance(self.variant, str) and not hasattr(self, "classes_"):
            self._check_densities(X, y)
        return super()._learn_views(X, y)

    def _check_densities(self, X, y):
        """Raise where a variant that needs densities cannot see them."""
        if vars(self)["transform"] == "rank":
            raise ValueError(
                f'variant="{self.variant}" needs transform="standard" or None: ranks '
                "hide how close to a curve the rows are."
            )
        n_columns = X.shape[1] + y.shape[1]
        if self.variant == "lnc" and self.n_neighbors <= n_columns:
            raise ValueError(
                f'variant="lnc" needs more neighbours than columns; n_neighbors='
                f"{self.n_neighbors} is too few for {n_columns} columns."
            )
        for name, block in (("X", X), ("y", y)):
            for number, column in enumerate(block.T):
                most = np.unique(column, return_counts=True)[1].max()
                if self.n_neighbors < most < len(column):
                    raise ValueError(
                        f"Column {number} of {name} repeats a value {most} times and "
                        f'has no density, which variant="{self.variant}" needs. Use '
                        "variant=1, or skmi.MixedKSG."
                    )


VARIANTS = {
    1: ksg_terms,
    2: ksg_box_terms,
    "lnc": local_ksg_terms,
    "weighted": entropy_terms,
}


@estimator
class MixedKSG(_NeighborEstimator):
    r"""Nearest-neighbour estimator of Gao et al. for mixtures.

    .. math::
        I = \frac1N \sum_i \psi(\tilde k_i) + \log N - \psi(n_{x,i} + 1) -
        \psi(n_{y,i} + 1)

    where :math:`\tilde k_i` is k, or the number of rows at the very place of row i
    where there are more than k of them [1]_. For columns that are continuous, discrete
    or both at once, such as an amount that is often 0. Text and categories in X are
    labels, between which there is no distance.

    Parameters
    ----------
    [shared]
    discrete_features : {"auto"}, bool or array-like, default="auto"
        Which columns of X hold labels: all (True), none (False), a mask or the numbers
        of the columns. "auto" takes those of strings, categories and booleans.
    device : str or None, default=None
        As of :class:`KSG`.

    Attributes
    ----------
    [shared]

    See Also
    --------
    KSG : For continuous columns.

    Notes
    -----
    The form of the authors' program is used; that of the paper, with logarithms for
    the outer two digamma functions, is lower by a few hundredths of a nat. Labels that
    were not there in fit tell nothing on new rows.

    References
    ----------
    .. [1] W. Gao, S. Kannan, S. Oh, P. Viswanath. Estimating mutual information for
       discrete-continuous mixtures. NeurIPS, 2017.

    Examples
    --------
    >>> import numpy as np
    >>> from skmi import MixedKSG
    >>> rng = np.random.RandomState(0)
    >>> y = rng.randint(3, size=1000)
    >>> X = (y + rng.randint(2, size=1000)).reshape(-1, 1)
    >>> round(MixedKSG(discrete_target=True).fit(X, y).mutual_info_, 1)
    0.6
    """

    discrete_features: object = parameter(
        "auto", StrOptions({"auto"}), "boolean", "array-like"
    )
    device: str | None = parameter(None, str, None)

    _breaks_ties = False

    def _constant(self, n_samples):
        return math.log(n_samples)

    def _terms(self, joint):
        return mixed_ksg_terms(joint, self.n_neighbors)

    def _validate_arrays(self, X, y="no_validation", *, reset, min_samples=1):
        kinds = feature_kinds(X)
        if reset:
            self._labelled = np.array(
                [kind == "discrete" for kind in kinds], dtype=bool
            )
        if not self._labelled.any():
            return super()._validate_arrays(X, y, reset=reset, min_samples=min_samples)
        validate_data(self, X, reset=reset, skip_check_array=True)
        options = {"dtype": np.float64, "ensure_min_samples": min_samples}
        X = self._encode_features(np.asarray(X, dtype=object), reset)
        if isinstance(y, str):
            return check_array(X, estimator=self, input_name="X", **options)
        return check_X_y(X, y, multi_output=True, estimator=self, **options)

    def _encode_features(self, X, reset):
        """Replace labels by their number in fit, and by -1 if they were not there."""
        X = X.copy()
        if reset:
            self._feature_labels = {}
        for number in np.flatnonzero(self._labelled):
            values = X[:, number].tolist()
            if any(map(is_missing, values)):
                raise ValueError(
                    f"X contains missing labels in column {number}; drop those rows, "
                    'or give them a label of their own, such as "missing".'
                )
            if reset:
                labels = dict.fromkeys(values)
                self._feature_labels[number] = {v: i for i, v in enumerate(labels)}
            codes = self._feature_labels[number]
            X[:, number] = [codes.get(value, -1) for value in values]
        return X

    def _learn_views(self, X, y):
        self._is_discrete = self._discrete_mask(X.shape[1])
        labels = sorted(set(label_rows(X[:, self._is_discrete])))
        self._x_codes = {label: code for code, label in enumerate(labels)}
        return super()._learn_views(X, y)

    def _discrete_mask(self, n_features):
        mask = np.zeros(n_features, dtype=bool)
        chosen = self.discrete_features
        if not isinstance(chosen, str):
            chosen = np.asarray(chosen)
            size = chosen.size
            inside = size == 0 or (
                chosen.dtype.kind in "iu"
                and -n_features <= chosen.min() <= chosen.max() < n_features
            )
            flags = chosen.dtype.kind == "b" and chosen.shape in {(), (n_features,)}
            if not (inside or flags):
                raise ValueError(
                    "discrete_features must be 'auto', True, False, one boolean for "
                    f"each of the {n_features} columns, or their numbers; got "
                    f"{self.discrete_features!r}."
                )
            mask[chosen if chosen.size else []] = True
        if len(self._labelled):
            mask |= self._labelled
        return mask

    def _separate(self, X):
        labels = label_rows(X[:, self._is_discrete])
        codes = np.array([self._x_codes.get(label, -1) for label in labels])
        return X[:, ~self._is_discrete], codes


def conditional_mutual_info(
    X, Y, Z, *, n_neighbors=3, transform="rank", n_jobs=None, random_state=None
):
    r"""Conditional mutual information by nearest neighbours.

    .. math::
        I(X; Y | Z) = \langle \psi(k) - \psi(n_{xz} + 1) - \psi(n_{yz} + 1)
        + \psi(n_z + 1) \rangle

    with the rows counted that are nearer than the k-th neighbour in all columns
    together [1]_. Columns of strings, categories and booleans are labels, between which
    there is no distance [2]_. For few columns; too low for more.

    Parameters
    ----------
    X : array-like of shape (n_samples,) or (n_samples, n_x)
        One side.
    Y : array-like of shape (n_samples,) or (n_samples, n_y)
        The other side.
    Z : array-like of shape (n_samples,) or (n_samples, n_z)
        What is known.
    n_neighbors : int, default=3
        Neighbours of each row in the joint space.
    transform : {"rank", "standard"} or None, default="rank"
        How a column of numbers is seen: by the normal scores of its ranks,
        standardised, or as it is. Equal numbers are set apart at random.
    n_jobs : int or None, default=None
        Threads at work: None means 1 outside a joblib context, -1 all processors.
    random_state : int, RandomState instance or None, default=None
        Seed of what sets equal numbers apart.

    Returns
    -------
    float
        Nats; may be negative.

    Notes
    -----
    Fails with many columns in Z, where rows have no near neighbours: the estimate falls
    towards 0.

    References
    ----------
    .. [1] S. Frenzel, B. Pompe. Partial mutual information for coupling analysis of
       multivariate time series. Phys. Rev. Lett. 99, 204101, 2007.
    .. [2] O. C. Mesner, C. R. Shalizi. Conditional mutual information estimation for
       mixed, discrete and continuous data. IEEE Trans. Inf. Theory 67, 2021.

    Examples
    --------
    >>> import numpy as np
    >>> from skmi.neighbors import conditional_mutual_info
    >>> Z, a, b = np.random.RandomState(0).standard_normal((3, 2000))
    >>> abs(round(conditional_mutual_info(Z + a, Z + b, Z), 1))
    0.0
    """
    random_state = make_random_state(random_state)
    check_consistent_length(X, Y, Z)
    x, y, z = (
        make_block(data, name, transform, random_state)
        for name, data in (("X", X), ("Y", Y), ("Z", Z))
    )
    require_more_rows(len(z.codes), n_neighbors)
    return float(conditional_terms(x, y, z, n_neighbors, n_jobs).mean())


def require_more_rows(n_samples, n_neighbors):
    """Raise where there are not more rows than neighbours."""
    if n_samples <= n_neighbors:
        raise ValueError(
            f"n_samples={n_samples} is too few for n_neighbors={n_neighbors}."
        )


def conditional_terms(x, y, z, n_neighbors, n_jobs=None):
    r"""Terms of Frenzel and Pompe, of blocks.

    .. math:: \psi(k) - \psi(n_{xz} + 1) - \psi(n_{yz} + 1) + \psi(n_z + 1)
    """
    xz, yz = join_blocks(x, z), join_blocks(y, z)
    radius, found = JointRows(xz, y, n_jobs).radius(n_neighbors)
    counts = (side.count(side, radius) for side in (xz, yz, z))
    n_xz, n_yz, n_z = map(digamma, counts)
    return digamma(found) - n_xz - n_yz + n_z


def make_block(data, name, transform, random_state):
    """Turn one argument into a block: numbers as seen, labels as one code."""
    numbers, codes = numbers_and_codes(data, name)
    view = BlockView(numbers, transform)
    return Block(view.apply_without_ties(numbers, random_state), codes)


def numbers_and_codes(data, name):
    """Separate one argument: columns of numbers, and one code for the labels."""
    if np.ndim(data) == 1:
        labelled = np.array([target_kind(data) == "discrete"])
        data = np.asarray(data, dtype=object).reshape(-1, 1)
    else:
        kinds = feature_kinds(data)
        data = np.asarray(data, dtype=object)
        labelled = np.array([kind == "discrete" for kind in kinds], dtype=bool)
        labelled = labelled if len(labelled) else np.zeros(data.shape[1], dtype=bool)
    numbers = np.empty((len(data), 0))
    if not labelled.all():
        numbers = check_array(data[:, ~labelled], dtype=np.float64, input_name=name)
    if any(map(is_missing, data[:, labelled].ravel())):
        raise ValueError(
            f"{name} contains missing labels; drop those rows, or give them a label of "
            'their own, such as "missing".'
        )
    rows = label_rows(data[:, labelled])
    codes = {row: code for code, row in enumerate(dict.fromkeys(rows))}
    return numbers, np.array([codes[row] for row in rows])
