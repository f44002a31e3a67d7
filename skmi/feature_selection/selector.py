"""Feature selection by mutual information, with control of false selections."""

from collections.abc import Callable
from typing import Any

import numpy as np
from sklearn.base import clone
from sklearn.feature_selection import SelectorMixin
from sklearn.utils.parallel import Parallel, delayed
from sklearn.utils.validation import check_is_fitted

from skmi._core.params import DeclaredParameters, estimator, parameter
from skmi._core.sklearn_compat import (
    CallbackSupportMixin,
    HasMethods,
    Integral,
    Interval,
    Real,
    RealNotInt,
    StrOptions,
    fit_context,
    make_random_state,
)
from skmi.exceptions import NothingSelectedWarning, warn
from skmi.feature_selection.by_counts import select_by_counts
from skmi.feature_selection.by_estimator import Task, make_measure, select_by_fits
from skmi.feature_selection.criteria import CRITERIA
from skmi.feature_selection.pair_screen import (
    NO_PAIRS,
    Pairs,
    screen_is_quick,
    screen_pairs,
)
from skmi.feature_selection.results import (
    Interaction,
    as_frame,
    make_interactions,
    make_path,
    redundant_names,
    selected_mask,
    spread,
    stability,
)
from skmi.feature_selection.search import Selection, Step, make_rule
from skmi.feature_selection.selector_input import SelectorInput, read_input
from skmi.feature_selection.significance import (
    SCREEN_PERMUTATIONS,
    draw_permutations,
)
from skmi.feature_selection.table import Table, make_table

__all__ = ["MIFeatureSelector"]


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
        data = read_input(self, X, y, sample_weight, permutation_groups)
        random_state = make_random_state(self.random_state)
        context = self._init_callback_context(max_subtasks=None)
        context.call_on_fit_task_begin(estimator=self, X=X, y=y)

        def on_step(step: Step) -> bool:
            task = context.subcontext(task_name="step")
            task.call_on_fit_task_begin(estimator=self, X=X, y=y)
            return task.call_on_fit_task_end(estimator=self, X=X, y=y)

        table = self._make_table(data)
        seed = random_state.randint(np.iinfo(np.int32).max)
        found, pairs = self._select(table, data, seed, on_step)
        self._resample(table, data, random_state)
        self._set_result(table, data, found, pairs)
        context.call_on_fit_task_end(estimator=self, X=X, y=y)
        if not self.support_.any():
            warn(
                f"No feature is significantly informative about y at level="
                f"{self.level}; nothing is selected. In a pipeline, "
                "min_features_to_select=1 keeps the best one.",
                NothingSelectedWarning,
            )
        return self

    # -- selection ---------------------------------------------------------------

    def _make_table(self, data: SelectorInput) -> Table:
        """Codes of the features and the target."""
        return make_table(
            data.x,
            data.y,
            n_bins=self.n_bins,
            missing=self.missing,
            units=data.units,
            weights=data.weights,
            groups=data.groups,
            ordered=self._restricts(data.groups) or self.estimator is not None,
        )

    def _restricts(self, groups: np.ndarray | None) -> bool:
        """Whether samples may not be exchanged freely."""
        return self.block_length is not None or groups is not None

    def _select(
        self,
        table: Table,
        data: SelectorInput,
        seed: int,
        on_step: Callable[[Step], Any] | None = None,
    ) -> tuple[Selection, Pairs]:
        """Search pairs, then select units of features."""
        random_state = make_random_state(int(seed))
        with_pairs = self._with_pairs(table)
        rule = make_rule(
            self.criterion,
            self.n_features_to_select,
            self.min_features_to_select,
            level=self.level,
            control=self.control,
            n_permutations=self.n_permutations,
            n_units=table.codes.shape[1],
            with_pairs=with_pairs,
        )
        pairs = NO_PAIRS
        if with_pairs:
            pairs = self._screen(table, rule.entry_level, random_state)
        permutations = self._permute(table, self.n_permutations, random_state)
        if self.estimator is None:
            found = select_by_counts(table, pairs, permutations, rule, on_step)
            return found, pairs
        blocks = [data.x.values[:, unit] for unit in data.units]
        task = Task(blocks, data.target, table, pairs, permutations)
        measure = make_measure(self._make_estimator(), self.n_jobs, int(seed))
        return select_by_fits(task, measure, rule, on_step), pairs

    def _make_estimator(self) -> Any:
        """Clone of the estimator that takes y as the selector does."""
        estimator = clone(self.estimator)
        takes = "discrete_target" in estimator.get_params()
        if takes and self.discrete_target != "auto":
            estimator.set_params(discrete_target=self.discrete_target)
        return estimator

    def _permute(
        self, table: Table, n_permutations: int, random_state: np.random.RandomState
    ) -> np.ndarray:
        """Permutations of samples, within their groups and in blocks."""
        return draw_permutations(
            n_permutations,
            len(table.target),
            random_state,
            table.groups,
            self.block_length,
        )

    def _with_pairs(self, table: Table) -> bool:
        """Whether pairs of features are searched."""
        n_rows, n_columns = table.pair_codes.shape
        if n_columns < 2 or self.interactions is False:
            return False
        if self.interactions != "auto":
            return True
        n_times = SCREEN_PERMUTATIONS if self._restricts(table.groups) else 1
        quick = screen_is_quick(n_rows, n_columns, table.n_pair_codes, n_times)
        return self.criterion != "mim" and quick

    def _screen(
        self, table: Table, level: float, random_state: np.random.RandomState
    ) -> Pairs:
        """Significant pairs of features."""
        permutations = None
        if self._restricts(table.groups):
            n_permutations = min(SCREEN_PERMUTATIONS, self.n_permutations)
            permutations = self._permute(table, n_permutations, random_state)
        product = None
        if self.device is not None:  # without a device torch is not needed
            from skmi._core.torch_utils import matrix_product

            product = matrix_product(self.device)
        pairs = screen_pairs(
            table.pair_codes,
            table.pair_target,
            table.n_pair_codes,
            table.weights,
            level,
            matrix_product=product,
            permutations=permutations,
        )
        limited = not isinstance(self.interactions, (str, bool, np.bool_))
        return pairs.take(slice(self.interactions)) if limited else pairs

    def _resample(
        self,
        table: Table,
        data: SelectorInput,
        random_state: np.random.RandomState,
    ) -> None:
        """Repeat the selection on random halves of the samples."""
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
            delayed(self._select)(table.take(rows), data.take(rows), seed)
            for rows, seed in draws
        )
        chosen = np.array(
            [
                selected_mask(selection, data.units, self.n_features_in_)
                for selection, _ in found
            ],
            dtype=float,
        )
        self.selection_frequency_: np.ndarray = chosen.mean(axis=0)
        self.stability_: float = stability(chosen)

    # -- results -----------------------------------------------------------------

    def _set_result(
        self, table: Table, data: SelectorInput, found: Selection, pairs: Pairs
    ) -> None:
        """Set the fitted attributes."""
        units, names = data.units, data.unit_names
        n_columns = self.n_features_in_
        redundant = redundant_names(found, names)
        self.scores_: np.ndarray = spread(found.relevance, units, n_columns)
        self.pvalues_: np.ndarray = spread(found.pvalues, units, n_columns)
        self.ranking_: np.ndarray = spread(found.ranking, units, n_columns)
        self.redundant_with_: np.ndarray = spread(redundant, units, n_columns)
        self.interactions_: list[Interaction] = make_interactions(pairs, names)
        self._path = make_path(found, table, names)
        self.support_: np.ndarray = selected_mask(found, units, n_columns)

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
