"""Which columns tell about a target, together, and how many of them are real."""

import importlib.util
from typing import TYPE_CHECKING, NamedTuple

import numpy as np
from sklearn.base import clone
from sklearn.utils.parallel import Parallel, delayed
from sklearn.utils.validation import (
    check_consistent_length,
    check_is_fitted,
    validate_data,
)

from skmi._core.params import DeclaredParameters, estimator, parameter
from skmi._core.sklearn_compat import (
    CallbackSupportMixin,
    HasMethods,
    Integral,
    Interval,
    Real,
    RealNotInt,
    StrOptions,
    check_sample_weight,
    fit_context,
    make_random_state,
)
from skmi._data.dtypes import column_types, refuse_dates, wanting_numbers
from skmi.exceptions import NothingSelectedWarning, warn
from skmi.feature_selection._cumulative import cumulative_bounds
from skmi.feature_selection._table import (
    Columns,
    discrete_flags,
    make_table,
    read_groups,
    repeated_rows,
    target_kinds,
)
from skmi.feature_selection.by_counts import Rule, select
from skmi.feature_selection.by_estimator import make_measure, select_by_fits
from skmi.feature_selection.criteria import CRITERIA
from skmi.feature_selection.pair_screen import Pairs, screen_pairs
from skmi.feature_selection.significance import draw_permutations

if TYPE_CHECKING:
    from skmi._core.sklearn_types import SelectorMixin
else:
    from sklearn.feature_selection import SelectorMixin

__all__ = ["Interaction", "MIFeatureSelector"]

NO_PAIRS = Pairs(*np.empty((2, 0), dtype=int), *np.empty((3, 0)))


SCREEN_PERMUTATIONS = 99  # of pairs, where rows may not change places freely


SCREEN_WORK = 3e11  # products that the screen of pairs may take where "auto" decides


class Interaction(NamedTuple):
    """Two columns that tell more together than each alone, in nats."""

    first: object
    second: object
    mutual_info: float
    synergy: float
    pvalue: float


@estimator
class MIFeatureSelector(SelectorMixin, CallbackSupportMixin, DeclaredParameters):
    r"""Select the columns that tell about a target, together, and how many are real.

    Columns are cut into bins, categories and missing values being bins of their own,
    and counted against the target; from the same counts come every criterion of [1]_,
    such as the joint mutual information of the candidate X with each selected S,

    .. math:: J(X) = \frac{1}{|S|} \sum_{S} I(X; y \mid S)

    and its value under permutations of the target. A search for pairs that count only
    together precedes, and selection stops where the best candidate is no better than
    the best of permuted ones.

    Parameters
    ----------
    criterion : str, default="jmi"
        What a candidate is chosen by, see Notes. "joint" is the mutual information of
        all selected columns and the candidate with y, by an `estimator`.
    estimator : MutualInfoEstimator or None, default=None
        What measures mutual information in place of counts. Critics train on many
        candidates at once.
    interactions : {"auto"}, bool or int, default="auto"
        Whether to search all pairs of columns for synergy; "auto" does where that takes
        seconds. A number keeps so many pairs at most.
    n_features_to_select : {"auto"}, int or float, default="auto"
        How many columns, or which share of them. "auto" stops where no further column
        is significant.
    min_features_to_select : int, default=0
        Columns to select at the least, significant or not. With 1 a pipeline goes on
        where nothing is found.
    level : float, default=0.05
        Chance that anything is selected where nothing is there, or the share of false
        discoveries.
    control : {"fwer", "fdr"}, default="fwer"
        Whether p-values are adjusted for the family of all columns, by the largest
        statistic in each permutation, or for the rate of false discoveries.
    n_permutations : int, default=200
        Permutations of the target.
    block_length : int or None, default=None
        Fewest rows of a series that are moved together in permutations: as many as
        the series remembers, some twenty for an autoregression of .9.
    n_bins : int, default=5
        Bins of a column of numbers.
    missing : {"bin", "pairwise"}, default="bin"
        Whether missing values are a bin of their own, or rows without a value are left
        out of the counts that need it.
    groups : array-like, dict or None, default=None
        Columns that enter and leave together: a label for each column, or the numbers
        or names of the columns of each group.
    n_resamples : int, default=0
        Random halves of the rows on which selection is repeated.
    device : str or None, default=None
        Where large products are computed: None for numpy, or a device that torch knows.
    n_jobs : int or None, default=None
        Jobs for resamples and for fits of an estimator.
    [shared]

    Attributes
    ----------
    scores_ : ndarray of shape (`n_features_in_`,)
        Mutual information of each column and y, in nats, less its bias.
    pvalues_ : ndarray of shape (`n_features_in_`,)
        Adjusted p-value of each column alone.
    support_ : ndarray of shape (`n_features_in_`,)
        Whether each column is selected.
    ranking_ : ndarray of shape (`n_features_in_`,)
        Place of each column, selected ones in their order first, from 1.
    interactions_ : list of Interaction
        Significant pairs: first, second, mutual_info, synergy, pvalue.
    path_ : pandas.DataFrame or ndarray
        One row for each step: feature, relevance, redundancy, synergy, gain,
        cumulative, pvalue. Without pandas a structured array.
    redundant_with_ : ndarray of shape (`n_features_in_`,)
        For each column the selected one that shares more than half of what it tells
        about y, or None.
    selection_frequency_ : ndarray of shape (`n_features_in_`,)
        Share of the resamples that selected each column.
    stability_ : float
        Agreement of the resamples, 1 at best and 0 for chance [2]_.
    n_features_in_ : int
        Number of columns of X.
    feature_names_in_ : ndarray of shape (`n_features_in_`,)
        Names of the columns of X, where it has names that are all strings.

    See Also
    --------
    mutual_info_matrix : Mutual information of all pairs of columns.

    Notes
    -----
    With r = I(X; y), and sums and means over the selected S: "mim" is r; "mifs" takes
    off the sum of I(X; S), "mrmr" its mean, "mrmr_quotient" divides by the mean; "cife"
    and "jmi" take off the sum or mean of I(X; S) - I(X; S | y), "cmim" the largest and
    "icap" the sum of the positive ones; "jmim" is the least I(X, S; y) and "disr" the
    mean of I(X, S; y) / H(X, S, y).

    `pvalues_` and the level hold for the family of all columns; where pairs are
    searched, columns and pairs have half of the level each. Further columns are tested
    against permutations of y and the selected columns together. Bins keep less than all
    of the mutual information of numbers, so `scores_` are too low for sharp
    dependence. All columns that tell something beside those selected are kept, also
    partly redundant ones, see `redundant_with_`; copies are not.

    Switch on ``criterion="joint"`` with a critic, such as ``InfoNCE(critic="separable",
    n_negatives=16)``, where nothing or too little is found and three columns may count
    of which no two do: it begins with the triples of columns whose halves tell by
    their parity, if no column and no pair is significant, and goes on by what critics
    of all selected columns gain on rows held out. It takes minutes. `scores_` and
    `pvalues_` are then those of counts, and columns that come together share a `gain`;
    critics choose among the same rows that they are reported on, so "cumulative" is
    a little too high. With an estimator, what the path does not measure is NaN, and so
    is the p-value of a step where the number of columns is given.

    Weights that are whole numbers count as repeated rows.

    References
    ----------
    .. [1] G. Brown, A. Pocock, M.-J. Zhao, M. Luján. Conditional likelihood
       maximisation: a unifying framework for information theoretic feature selection.
       J. Mach. Learn. Res. 13, 2012.
    .. [2] S. Nogueira, K. Sechidis, G. Brown. On the stability of feature selection
       algorithms. J. Mach. Learn. Res. 18, 2018.

    Examples
    --------
    >>> import numpy as np
    >>> from skmi import MIFeatureSelector
    >>> X = np.random.RandomState(0).uniform(size=(1000, 50))
    >>> y = (X[:, 7] > 0.5) ^ (X[:, 31] > 0.5)
    >>> selector = MIFeatureSelector(random_state=0).fit(X, y)
    >>> selector.get_support(indices=True)
    array([ 7, 31])
    >>> [pair[:2] for pair in selector.interactions_]
    [(7, 31)]
    """

    _shared_attributes = ()

    criterion: str = parameter(
        default="jmi", constraints=[StrOptions({*CRITERIA, "joint"})]
    )
    estimator: object = parameter(
        default=None, constraints=[HasMethods(["fit", "mutual_info"]), None]
    )
    interactions: object = parameter(
        default="auto",
        constraints=[
            StrOptions({"auto"}),
            "boolean",
            Interval(Integral, 1, None, closed="left"),
        ],
    )
    n_features_to_select: object = parameter(
        default="auto",
        constraints=[
            StrOptions({"auto"}),
            Interval(Integral, 1, None, closed="left"),
            Interval(RealNotInt, 0, 1, closed="right"),
        ],
    )
    min_features_to_select: int = parameter(
        default=0, constraints=[Interval(Integral, 0, None, closed="left")]
    )
    level: float = parameter(
        default=0.05, constraints=[Interval(Real, 0, 1, closed="neither")]
    )
    control: str = parameter(default="fwer", constraints=[StrOptions({"fwer", "fdr"})])
    n_permutations: int = parameter(
        default=200, constraints=[Interval(Integral, 1, None, closed="left")]
    )
    block_length: int | None = parameter(
        default=None, constraints=[Interval(Integral, 1, None, closed="left"), None]
    )
    n_bins: int = parameter(
        default=5, constraints=[Interval(Integral, 2, 32, closed="both")]
    )
    missing: str = parameter(
        default="bin", constraints=[StrOptions({"bin", "pairwise"})]
    )
    groups: object = parameter(default=None, constraints=["array-like", dict, None])
    n_resamples: int = parameter(
        default=0, constraints=[Interval(Integral, 0, None, closed="left")]
    )
    device: str | None = parameter(default=None, constraints=[str, None])
    n_jobs: int | None = parameter(default=None, constraints=[Integral, None])
    discrete_features: object = parameter(
        default="auto", constraints=[StrOptions({"auto"}), "boolean", "array-like"]
    )
    discrete_target: object = parameter(
        default="auto", constraints=[StrOptions({"auto"}), "boolean"]
    )
    random_state: object = parameter(default=None, constraints=["random_state"])

    def __sklearn_tags__(self):
        tags = super().__sklearn_tags__()
        tags.target_tags.required = True
        tags.target_tags.multi_output = True
        tags.input_tags.allow_nan = vars(self)["estimator"] is None
        tags.input_tags.sparse = tags.input_tags.allow_nan
        return tags

    def __sklearn_is_fitted__(self):
        return hasattr(self, "support_")

    @fit_context(prefer_skip_nested_validation=False)
    def fit(self, X, y, sample_weight=None, permutation_groups=None):
        """Select columns.

        Parameters
        ----------
        X : {array-like, sparse matrix} of shape (n_samples, n_features)
            Columns of numbers, text, categories or booleans; values may be missing.
        y : array-like of shape (n_samples,) or (n_samples, n_targets)
            Numbers or labels, or columns of both.
        sample_weight : array-like of shape (n_samples,), default=None
            Weights of the rows.
        permutation_groups : array-like of shape (n_samples,), default=None
            Rows change places in permutations within their group only, as for several
            series or sites.

        Returns
        -------
        self : object
            The fitted selector.

        Raises
        ------
        ValueError
            If X holds dates or infinite values, y holds missing values, or a parameter
            does not fit the data.
        """
        vars(self).pop("support_", None)
        data = self._validate(X, y, sample_weight, permutation_groups)
        random_state = make_random_state(self.random_state)
        context = self._init_callback_context(max_subtasks=None)
        context.call_on_fit_task_begin(estimator=self, X=X, y=y)

        def on_step(step):
            task = context.subcontext(task_name="step")
            task.call_on_fit_task_begin(estimator=self, X=X, y=y)
            return task.call_on_fit_task_end(estimator=self, X=X, y=y)

        table = self._count(data)
        seed = random_state.randint(np.iinfo(np.int32).max)
        found, pairs = self._run(table, data, seed, on_step)
        self._resample(table, data, random_state)
        self._set_result(table, found, pairs)
        context.call_on_fit_task_end(estimator=self, X=X, y=y)
        if not self.support_.any():
            warn(
                f"No column tells enough about y to be told from chance at "
                f"level={self.level}; nothing is selected. In a pipeline, "
                "min_features_to_select=1 keeps the best one.",
                NothingSelectedWarning,
            )
        return self

    # -- validation --------------------------------------------------------------

    @wanting_numbers("X or y")
    def _validate(self, X, y, sample_weight, permutation_groups):
        """Return both sides, the rows that count, their weights and groups."""
        refuse_dates(X)
        self._check_choice()
        if y is None:
            raise ValueError(
                f"{type(self).__name__} requires y to be passed, but the target y is "
                "None."
            )
        x_types, kinds = column_types(X) or None, target_kinds(y)
        X, y = validate_data(
            self,
            X,
            y,
            dtype=None,
            accept_sparse="csr" if self.estimator is None else False,
            ensure_all_finite="allow-nan" if self.estimator is None else True,
            ensure_min_samples=2,
            multi_output=True,
        )
        y = y.reshape(len(y), -1)
        kinds = kinds * y.shape[1] if len(kinds) == 1 else kinds
        discrete = [
            kind == "discrete" or self.discrete_target is True for kind in kinds
        ]
        rows, weights = np.arange(X.shape[0]), None
        if sample_weight is not None:
            weights = check_sample_weight(
                sample_weight, X, dtype=float, ensure_non_negative=True
            )
            rows, weights = repeated_rows(weights)
            self._refuse_weights(rows, weights, X.shape[0])
        groups = None
        if permutation_groups is not None:
            check_consistent_length(X, permutation_groups)
            groups = np.unique(permutation_groups, return_inverse=True)[1][rows]
        names = getattr(self, "feature_names_in_", np.arange(X.shape[1])).tolist()
        self._units, self._unit_names = read_groups(self.groups, names)
        return (
            Columns(
                X, discrete_flags(self.discrete_features, X.shape[1]), x_types
            ).take(rows),
            Columns(y, discrete, None).take(rows),
            weights,
            groups,
        )

    def _check_choice(self):
        """Raise where criterion and estimator do not go together."""
        if self.criterion == "joint" and self.estimator is None:
            raise ValueError(
                'criterion="joint" measures many columns at once, for which counts are '
                "too few; pass an estimator such as skmi.KSG() or "
                'skmi.InfoNCE(critic="separable").'
            )
        if self.criterion == "disr" and self.estimator is not None:
            raise ValueError(
                'criterion="disr" divides by an entropy, which only counts give; pass '
                "estimator=None or another criterion."
            )

    def _refuse_weights(self, rows, weights, n_rows):
        if self.estimator is None or (weights is None and len(rows) == n_rows):
            return
        raise ValueError(
            f"estimator={type(self.estimator).__name__}() takes no sample_weight; "
            "leave it out, or pass estimator=None to select by weighted counts."
        )

    # -- counting ----------------------------------------------------------------

    def _count(self, data):
        """Return the table of codes."""
        x, y, weights, groups = data
        return make_table(
            x,
            y,
            n_bins=self.n_bins,
            missing=self.missing,
            units=self._units,
            weights=weights,
            groups=groups,
            ordered=self._restricts(groups) or self.estimator is not None,
        )

    def _restricts(self, groups):
        """Whether rows may not change places freely."""
        return self.block_length is not None or groups is not None

    def _run(self, table, data, seed, on_step=None):
        """Search pairs and select; return the selection and the pairs."""
        random_state = make_random_state(int(seed))
        rule = self._rule(table)
        pairs = self._screen(table, rule.entry_level, random_state)
        permutations = draw_permutations(
            self.n_permutations,
            len(table.target),
            random_state,
            table.groups,
            self.block_length,
        )
        if self.estimator is None:
            return select(table, pairs, permutations, rule, on_step), pairs
        x, y = data[:2]
        target = y.values if y.values.shape[1] > 1 else y.values[:, 0]
        found = select_by_fits(
            [x.values[:, unit] for unit in self._units],
            target,
            table,
            pairs,
            make_measure(self._make_estimator(), self.n_jobs, int(seed)),
            permutations,
            rule,
            on_step,
        )
        return found, pairs

    def _make_estimator(self):
        """Return a clone of the estimator that takes y as the selector does."""
        estimator = clone(self.estimator)
        takes = "discrete_target" in estimator.get_params()
        if takes and self.discrete_target != "auto":
            estimator.set_params(discrete_target=self.discrete_target)
        return estimator

    def _rule(self, table):
        n_units = table.codes.shape[1]
        wanted = self.n_features_to_select
        if isinstance(wanted, Real) and not isinstance(wanted, Integral):
            wanted = max(1, round(wanted * n_units))
        if not isinstance(wanted, str) and wanted > n_units:
            raise ValueError(
                f"n_features_to_select={wanted}, but there are {n_units} columns or "
                "groups of columns."
            )
        entry_level = self.level / 2 if self._screens(table) else self.level
        if wanted == "auto" and 1 / (self.n_permutations + 1) > entry_level:
            raise ValueError(
                f"n_permutations={self.n_permutations} cannot tell anything at level="
                f"{self.level}; {int(np.ceil(1 / entry_level)) - 1} are needed."
            )
        return Rule(
            self.criterion,
            None if wanted == "auto" else int(wanted),
            min(self.min_features_to_select, n_units),
            self.level,
            entry_level,
            self.control,
        )

    def _screens(self, table):
        """Whether pairs are searched."""
        n_rows, n_columns = table.pair_codes.shape
        if n_columns < 2 or self.interactions is False:
            return False
        if self.interactions != "auto":
            return True
        work = n_rows * float(n_columns * table.n_pair_codes) ** 2
        if self._restricts(table.groups):
            work *= SCREEN_PERMUTATIONS
        return self.criterion != "mim" and work <= SCREEN_WORK

    def _screen(self, table, level, random_state):
        """Return the significant pairs."""
        if not self._screens(table):
            return NO_PAIRS
        permutations = None
        if self._restricts(table.groups):
            permutations = draw_permutations(
                min(SCREEN_PERMUTATIONS, self.n_permutations),
                len(table.target),
                random_state,
                table.groups,
                self.block_length,
            )
        pairs = screen_pairs(
            table.pair_codes,
            table.pair_target,
            table.n_pair_codes,
            table.weights,
            level,
            matrix_product=self._matrix_product(),
            permutations=permutations,
        )
        most = self.interactions
        if isinstance(most, Integral) and not isinstance(most, bool):
            pairs = pairs.take(slice(most))
        return pairs

    def _matrix_product(self):
        if self.device is None:
            return None
        from skmi._core.torch_utils import (
            matrix_product,  # without a device torch is not needed
        )

        return matrix_product(self.device)

    def _resample(self, table, data, random_state):
        """Repeat selection on halves of the rows."""
        for name in ("selection_frequency_", "stability_"):
            vars(self).pop(name, None)
        if not self.n_resamples:
            return
        n_rows = len(table.target)
        draws = [
            (np.sort(random_state.permutation(n_rows)[: n_rows // 2]), seed)
            for seed in random_state.randint(
                np.iinfo(np.int32).max, size=self.n_resamples
            )
        ]
        found = Parallel(n_jobs=self.n_jobs)(
            delayed(self._run)(table.take(rows), [s.take(rows) for s in data[:2]], seed)
            for rows, seed in draws
        )
        chosen = np.zeros((self.n_resamples, self.n_features_in_))
        for row, (selection, _) in zip(chosen, found, strict=True):
            for step in selection.steps:
                row[self._units[step.column]] = 1
        self.selection_frequency_ = chosen.mean(axis=0)
        self.stability_ = stability(chosen)

    # -- results -----------------------------------------------------------------

    def _set_result(self, table, found, pairs):
        n_columns = self.n_features_in_
        self.scores_, self.pvalues_ = np.empty(n_columns), np.empty(n_columns)
        self.ranking_ = np.empty(n_columns, dtype=int)
        self.redundant_with_ = np.full(n_columns, None, dtype=object)
        for i, unit in enumerate(self._units):
            self.scores_[unit] = found.relevance[i]
            self.pvalues_[unit] = found.pvalues[i]
            self.ranking_[unit] = found.ranking[i]
            if found.redundant_with[i] >= 0:
                for k in unit:
                    self.redundant_with_[k] = self._unit_names[found.redundant_with[i]]
        self.interactions_ = [
            Interaction(self._unit_names[j], self._unit_names[k], *map(float, figures))
            for j, k, *figures in zip(*pairs, strict=True)
        ]
        self._path = self._make_path(table, found)
        support = np.zeros(n_columns, dtype=bool)
        for step in found.steps:
            support[self._units[step.column]] = True
        self.support_ = support

    def _make_path(self, table, found):
        steps = found.steps
        path = {"feature": [self._unit_names[step.column] for step in steps]}
        for name in ("relevance", "redundancy", "synergy", "gain"):
            path[name] = [float(getattr(step, name)) for step in steps]
        bounds = found.reached or cumulative_bounds(
            table.codes, table.target, found.units, table.weights
        )
        sizes = [len(unit) for unit in found.units]
        path["cumulative"] = np.repeat(bounds, sizes).tolist()
        path["pvalue"] = [float(step.pvalue) for step in steps]
        return path

    @property
    def path_(self):
        """The steps of the selection, as a frame."""
        check_is_fitted(self)
        return as_frame(self._path)

    def _get_support_mask(self):
        check_is_fitted(self)
        return self.support_

    def _transform(self, X):
        if self._get_support_mask().any():
            return super()._transform(X)
        return X.iloc[:, :0] if hasattr(X, "iloc") else X[:, :0]


def as_frame(columns):
    """Return a pandas frame, or a structured array where there is no pandas."""
    if importlib.util.find_spec("pandas"):
        import pandas as pd

        return pd.DataFrame(columns)
    arrays = [np.array(values) for values in columns.values()]
    return np.rec.fromarrays(arrays, names=list(columns))


def stability(chosen):
    r"""Return how much selections agree.

    .. math::
        1 - \frac{\frac1p \sum_k s_k^2}{\frac{\bar m}{p} (1 - \frac{\bar m}{p})}

    with :math:`s_k^2` the unbiased variance of the choice of column k and
    :math:`\bar m` the mean number of columns selected.
    """
    share = chosen.mean()
    if len(chosen) < 2 or share in (0.0, 1.0):
        return 1.0
    return float(1 - chosen.var(axis=0, ddof=1).mean() / (share * (1 - share)))
