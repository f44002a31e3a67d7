"""Feature selection by mutual information, with control of false selections."""

from __future__ import annotations

from functools import partial
from typing import Any, Self

import numpy as np
from numpy.typing import ArrayLike
from sklearn.utils import Tags
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
from skmi.feature_selection.by_estimator import (
    Task,
    blocks_for,
    make_measure,
    select_by_fits,
    with_target,
)
from skmi.feature_selection.conditional import additive_set
from skmi.feature_selection.criteria import CRITERIA
from skmi.feature_selection.exchange import Permutations, draw_permutations
from skmi.feature_selection.pair_screen import (
    NO_PAIRS,
    Pairs,
    confirm_pairs,
    may_screen,
    product_on,
    screen_is_quick,
    screen_pairs,
)
from skmi.feature_selection.relevant import share_level
from skmi.feature_selection.results import (
    Interaction,
    as_frame,
    draw_halves,
    make_interactions,
    make_path,
    redundant_names,
    selected_mask,
    selected_masks,
    spread,
    stability,
    step_pvalues,
    unit_estimates,
    unknown_errors,
)
from skmi.feature_selection.search import Rule, Selection, Step, make_rule
from skmi.feature_selection.selector_input import (
    SelectorInput,
    TableSelectorMixin,
    read_input,
)
from skmi.feature_selection.significance import SCREEN_PERMUTATIONS
from skmi.feature_selection.stopping import select_by_counts
from skmi.feature_selection.table import Table, make_table

__all__ = ["MIFeatureSelector"]

MOST_GROWTH = 4  # times as many permutations at most, where decisions are in doubt


@estimator
class MIFeatureSelector(TableSelectorMixin, CallbackSupportMixin, DeclaredParameters):
    r"""Select features informative about a target, with control of false selections.

    A forward search adds the feature X that is the most informative about y beside
    the selected features S, such as by the joint mutual information criterion

    .. math:: J(X) = \frac{1}{|S|} \sum_{S} I(X; y \mid S)

    or another one that penalises redundancy [1]_, estimated from counts in bins, and
    stops by permutations of the target and by held-out information, see `stopping`.
    The probability of selecting anything if no feature is informative is `level` at
    most. A screen of all pairs finds features that are informative only together.

    Parameters
    ----------
    criterion : str, default="jmi"
        Criterion of the search, see Notes. "joint" is the mutual information of all
        selected features and the candidate with y, by an `estimator`.
    estimator : MutualInfoEstimator or None, default=None
        Estimates mutual information in place of counts. Critics are trained on many
        candidates at once.
    interactions : {"auto"}, bool or int, default="auto"
        Whether to screen all pairs of features for synergy; "auto" does where that
        takes seconds. A number is the most pairs to keep.
    n_features_to_select : {"auto"}, int or float, default="auto"
        Number or share of features to select. "auto" stops where no further feature is
        significant; with "jmi" and "information" a number begins with the same ones.
    min_features_to_select : int, default=0
        Fewest features to select, significant or not. With 1 a pipeline goes on where
        nothing is significant.
    level : float, default=0.05
        Type I error: the family-wise error rate, or the false discovery rate.
    control : {"fwer", "fdr"}, default="fwer"
        Adjustment of p-values: for the family-wise error rate, by the largest
        statistic of all features in each permutation, or for the false discovery rate.
    stopping : {"information", "significance"}, default="information"
        "significance" stops where no further feature is significant, and `level` holds
        for each. "information" then adds features while the others are informative
        together (all that are alone, where features outnumber fewer than 200 samples;
        as many as predict best, where more than 40 are), and `level` holds for whether
        anything is selected; with ``control="fdr"``, another criterion or an estimator
        it adds none.
    n_permutations : int, default=200
        Permutations of the target; up to four times as many where a decision is in
        doubt.
    block_length : int or None, default=None
        For time series: permute contiguous blocks of at least this many samples. It
        should exceed the range of serial dependence, some twenty samples for an
        autoregression of .9.
    n_bins : int, default=5
        Quantile bins of a continuous feature in the tests and in the search.
    missing : {"bin", "pairwise"}, default="bin"
        Whether missing values are a bin of their own, or left out of the counts.
    weights : {"importance", "frequency"}, default="importance"
        Meaning of `sample_weight`: importance weights, of which only the ratios count,
        or whole numbers that stand for repeated samples.
    groups : array-like, dict or None, default=None
        Features selected together: a label for each, or the numbers or names of those
        of each group. Numbers of features to select then count groups.
    fixed_features : array-like or None, default=None
        Names, numbers or a boolean mask of features that are selected first, without a
        test. The others are selected beside them.
    n_resamples : int, default=0
        Random halves of the samples on which the selection is repeated.
    device : str or None, default=None
        Device of the screen of pairs: None for numpy, or a device that torch knows.
    n_jobs : int or None, default=None
        Jobs for resamples and for fits of an estimator.
    [shared]

    Attributes
    ----------
    scores_ : ndarray of shape (`n_features_in_`,)
        Mutual information of each feature and y, in nats, bias-corrected and
        extrapolated to narrow bins: the value of :func:`skmi.mutual_info_matrix`.
    standard_errors_ : ndarray of shape (`n_features_in_`,)
        Standard errors of the scores; NaN for those of an estimator.
    ceilings_ : ndarray of shape (`n_features_in_`,)
        Largest values that the scores can take; NaN for those of an estimator.
    pvalues_ : ndarray of shape (`n_features_in_`,)
        Adjusted p-value of each feature alone.
    step_pvalues_ : ndarray of shape (`n_features_in_`,)
        P-value by which each feature was selected, beside those before it or with the
        other feature of its pair; NaN if fixed, not selected or after 100 others.
    qvalues_ : ndarray of shape (`n_features_in_`,)
        Smallest false discovery rate at which each feature alone is significant; with
        ``control="fdr"`` only, where `pvalues_` are the same.
    support_ : ndarray of shape (`n_features_in_`,)
        Whether each feature is selected.
    ranking_ : ndarray of shape (`n_features_in_`,)
        Rank of each feature from 1: selected ones in their order, then the others, the
        next to be selected first. `get_support` is in the order of the columns.
    interactions_ : list of Interaction
        Significant pairs that are more informative together than the better one alone:
        first, second, mutual_info, synergy, pvalue.
    path_ : pandas.DataFrame or ndarray
        One row for each step: feature, relevance, redundancy, synergy, gain,
        cumulative held-out information of up to 100, pvalue, the standard_error of the
        rise of cumulative, the share of the relevance that is shared with features
        before it, and the evidence by which it is selected: "alone", "together with"
        another one, "beside those before" it, "held-out information" of the set, "alone
        (false discovery rate)", with cumulative NaN, "number asked for" or "fixed".
    redundant_with_ : ndarray of shape (`n_features_in_`,)
        For each feature the selected one that shares more than half of its information
        about y, or None.
    selection_frequency_ : ndarray of shape (`n_features_in_`,)
        Share of the resamples in which a feature is selected.
    stability_ : float
        1 at best, 0 by chance [2]_; NaN of one resample, or if all keep all or nothing.
    n_features_in_ : int
        Number of features.
    feature_names_in_ : ndarray of shape (`n_features_in_`,)
        Names of the features, where all are strings.

    See Also
    --------
    mutual_info_matrix : Mutual information of all pairs of features.

    Notes
    -----
    With the relevance r = I(X; y), and sums and means over the selected S: "mim" is r;
    "mifs" subtracts the sum of the redundancies I(X; S), "mrmr" their mean,
    "mrmr_quotient" divides by the mean; "cife" and "jmi" subtract the sum or mean of
    I(X; S) - I(X; S | y), "cmim" the largest and "icap" the sum of the positive ones;
    "jmim" is the smallest I(X, S; y) and "disr" the mean of I(X, S; y) / H(X, S, y).

    `pvalues_` are adjusted for all features; beside a screen of pairs, both have half
    of the level. Further ones are tested against permutations of y and the selected
    ones. A feature that others explain in an additive model of y is redundant.

    Limits: `scores_` above one nat of two continuous columns are too low, as their
    standard error shows, and dependence finer than the bins is missed. Tests and the
    search use `n_bins` bins. Permutations assume exchangeable samples: without
    `block_length` or `permutation_groups`, serial or grouped samples inflate the type
    I error. Three features that are informative only together are found by
    ``criterion="joint"`` with a critic, such as ``InfoNCE(critic="separable",
    n_negatives=16)``: if no feature and no pair is significant, it begins with triples
    whose halves are informative by their parity, and goes on by the gain of critics on
    held-out samples. It takes minutes. `scores_` and `pvalues_` are then those of
    counts, and features that are selected together share a `gain`. The held-out
    samples also choose between candidates, so "cumulative" is slightly too high. With
    an estimator, entries of the path that are not estimated are NaN, and so is the
    p-value of a step where the number of features is given.

    Importance weights count as :math:`(\sum w)^2 / \sum w^2` equal ones. Permutations
    are made twice, with weights that stay with the features and that move with the
    target; the larger p-value counts. A weight of 2 is then no repeated sample, as
    scikit-learn's check of sample weights asks for; with ``weights="frequency"`` it is.

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
    estimator: Any = parameter(
        default=None, constraints=[HasMethods(["fit", "mutual_info"]), None]
    )
    interactions: bool | int | str = parameter(
        default="auto",
        constraints=[
            StrOptions({"auto"}),
            "boolean",
            Interval(Integral, 1, None, closed="left"),
        ],
    )
    n_features_to_select: int | float | str = parameter(
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
    stopping: str = parameter(
        default="information",
        constraints=[StrOptions({"information", "significance"})],
    )
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
    weights: str = parameter(
        default="importance", constraints=[StrOptions({"importance", "frequency"})]
    )
    groups: Any = parameter(default=None, constraints=["array-like", dict, None])
    fixed_features: Any = parameter(
        default=None, constraints=["array-like", Integral, None]
    )
    n_resamples: int = parameter(
        default=0, constraints=[Interval(Integral, 0, None, closed="left")]
    )
    device: str | None = parameter(default=None, constraints=[str, None])
    n_jobs: int | None = parameter(default=None, constraints=[Integral, None])
    discrete_features: Any = parameter(
        default="auto", constraints=[StrOptions({"auto"}), "boolean", "array-like"]
    )
    discrete_target: bool | str = parameter(
        default="auto", constraints=[StrOptions({"auto"}), "boolean"]
    )
    random_state: Any = parameter(default=None, constraints=["random_state"])

    def __sklearn_tags__(self) -> Tags:
        tags = super().__sklearn_tags__()
        tags.target_tags.required = True
        tags.target_tags.multi_output = True
        tags.input_tags.allow_nan = vars(self)["estimator"] is None
        tags.input_tags.sparse = tags.input_tags.allow_nan
        return tags

    def __sklearn_is_fitted__(self) -> bool:
        return hasattr(self, "support_")

    @fit_context(prefer_skip_nested_validation=False)
    def fit(
        self,
        X: ArrayLike,
        y: ArrayLike,
        sample_weight: ArrayLike | None = None,
        permutation_groups: ArrayLike | None = None,
    ) -> Self:
        """Select features.

        Parameters
        ----------
        X : {array-like, sparse matrix} of shape (n_samples, n_features)
            Numbers, text, categories or booleans; values may be missing.
        y : array-like of shape (n_samples,) or (n_samples, n_targets)
            Target: numbers or labels, or columns of both.
        sample_weight : array-like of shape (n_samples,), default=None
            Weights of the samples, see `weights`.
        permutation_groups : array-like of shape (n_samples,), default=None
            Samples are permuted within their group only, as for several series or
            sites.

        Returns
        -------
        self : object
            The fitted selector.

        Raises
        ------
        ValueError
            If X contains infinite values, y contains missing values, or a
            parameter does not fit the data.
        """
        vars(self).pop("support_", None)
        data = read_input(self, X, y, sample_weight, permutation_groups)
        random_state = make_random_state(self.random_state)
        table = make_table(
            *data[:2],
            n_bins=self.n_bins,
            missing=self.missing,
            units=data.units,
            weights=data.weights,
            groups=data.groups,
            ordered=self._restricts(data.groups) or self.estimator is not None,
            with_pairs=may_screen(
                self.interactions, len(data.y.values), len(data.units)
            ),
        )
        rule = self._rule(table, self._with_pairs(table), data.fixed)
        n_steps = rule.n_columns or len(data.units)
        context = self._init_callback_context(max_subtasks=n_steps)
        context.call_on_fit_task_begin(estimator=self, X=X, y=y)

        def on_step(step: Step) -> bool:
            task = context.subcontext(task_name="step")
            task.call_on_fit_task_begin(estimator=self, X=X, y=y)
            return task.call_on_fit_task_end(estimator=self, X=X, y=y)

        seed = random_state.randint(np.iinfo(np.int32).max)
        found, pairs = self._select(table, data, seed, on_step)
        self._resample(table, data, random_state)
        self._set_result(table, data, found, pairs)
        context.call_on_fit_task_end(estimator=self, X=X, y=y)
        if not self.support_.any():
            warn(
                f"No column of X is significantly informative about y at level="
                f"{self.level}; nothing is selected. In a pipeline, "
                "min_features_to_select=1 keeps the best one.",
                NothingSelectedWarning,
            )
        return self

    def _restricts(self, groups: np.ndarray | None) -> bool:
        """Whether samples may not be exchanged freely."""
        return self.block_length is not None or groups is not None

    def _select(
        self, table: Table, data: SelectorInput, seed: int, on_step: Any = None
    ) -> tuple[Selection, Pairs]:
        """Search pairs, then select units of features."""
        random_state = make_random_state(int(seed))
        with_pairs = self._with_pairs(table)
        ordered = self._restricts(table.groups) or self.estimator is not None
        rule = self._rule(table, with_pairs, data.fixed)
        rule, level, wide = share_level(table, rule, ordered)
        pairs = self._screen(table, level, random_state) if with_pairs else NO_PAIRS
        n_drawn = self.n_permutations * (MOST_GROWTH if self.estimator is None else 1)
        permutations = self._permute(table, n_drawn, random_state)
        if self.estimator is None:
            make_set = partial(additive_set, data, rule, self.n_bins)
            search = table, pairs, permutations, rule, ordered, on_step, make_set, wide
            return select_by_counts(*search), pairs
        blocks = blocks_for(self.estimator, data.x, data.units)
        task = Task(blocks, data.target, table, pairs, permutations)
        discrete = all(data.y.discrete) or self.discrete_target
        estimator = with_target(self.estimator, discrete)
        measure = make_measure(estimator, self.n_jobs, int(seed))
        return select_by_fits(task, measure, rule, on_step), pairs

    def _rule(self, table: Table, with_pairs: bool, fixed: tuple[int, ...]) -> Rule:
        """How to select."""
        return make_rule(
            self.criterion,
            self.n_features_to_select,
            self.min_features_to_select,
            level=self.level,
            control=self.control,
            stopping=self.stopping,
            n_permutations=self.n_permutations,
            n_units=table.codes.shape[1],
            with_pairs=with_pairs,
            fixed=fixed,
        )

    def _permute(
        self, table: Table, n_permutations: int, random_state: np.random.RandomState
    ) -> Permutations:
        """Permutations of samples, within their groups and in blocks."""
        size = n_permutations, len(table.target)
        return draw_permutations(*size, random_state, table.groups, self.block_length)

    def _permutes_pairs(self, table: Table) -> bool:
        """Whether the screen of pairs has to be repeated under permutation."""
        return self._restricts(table.groups) or table.weights is not None

    def _with_pairs(self, table: Table) -> bool:
        """Whether pairs of features are searched."""
        if table.pair_codes.shape[1] < 2 or self.interactions is False:
            return False
        if self.interactions != "auto":
            return True
        quick = screen_is_quick(table, self._permutes_pairs(table))
        return self.criterion != "mim" and quick

    def _screen(
        self, table: Table, level: float, random_state: np.random.RandomState
    ) -> Pairs:
        """Significant pairs of features."""
        permutations = None
        if self._permutes_pairs(table):
            n_permutations = min(SCREEN_PERMUTATIONS, self.n_permutations)
            permutations = self._permute(table, n_permutations, random_state)
        pairs = screen_pairs(
            table.pair_codes,
            table.pair_target,
            table.n_pair_codes,
            table.weights,
            level,
            matrix_product=product_on(self.device),
            permutations=permutations,
        )
        pairs = confirm_pairs(pairs, table)
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
        draws = draw_halves(len(table.target), self.n_resamples, random_state)
        found = Parallel(n_jobs=self.n_jobs)(
            delayed(self._select)(table.take(rows), data.take(rows), seed)
            for rows, seed in draws
        )
        chosen = selected_masks(found, data.units, self.n_features_in_)
        self.selection_frequency_: np.ndarray = chosen.mean(axis=0)
        self.stability_: float = stability(chosen)

    # -- results -----------------------------------------------------------------

    def _set_result(
        self, table: Table, data: SelectorInput, found: Selection, pairs: Pairs
    ) -> None:
        """Set the fitted attributes."""
        units, names = data.units, data.unit_names
        n_columns = self.n_features_in_
        by_counts = self.estimator is None or self.criterion == "joint"
        counted = None
        if by_counts or len(pairs.first):
            counted = unit_estimates(data, self.n_bins, self.missing)
        scores, errors, ceilings = counted if by_counts else unknown_errors(found)
        self.scores_: np.ndarray = spread(scores, units, n_columns)
        self.standard_errors_: np.ndarray = spread(errors, units, n_columns)
        self.ceilings_: np.ndarray = spread(ceilings, units, n_columns)
        self.pvalues_: np.ndarray = spread(found.pvalues, units, n_columns)
        vars(self).pop("qvalues_", None)
        if self.control == "fdr":
            self.qvalues_: np.ndarray = self.pvalues_.copy()
        self.step_pvalues_: np.ndarray = step_pvalues(found, units, n_columns)
        self.ranking_: np.ndarray = spread(found.ranking, units, n_columns)
        redundant = redundant_names(found, names)
        self.redundant_with_: np.ndarray = spread(redundant, units, n_columns)
        self.interactions_: list[Interaction] = make_interactions(pairs, data, counted)
        self._path = make_path(
            found, table, names, scores, self._rule(table, False, data.fixed)
        )
        self.support_: np.ndarray = selected_mask(found, units, n_columns)

    @property
    def path_(self) -> Any:
        """Steps of the selection, as a frame."""
        check_is_fitted(self)
        return as_frame(self._path)

    def _get_support_mask(self) -> np.ndarray:
        check_is_fitted(self)
        return self.support_

    def _transform(self, X: Any) -> Any:
        if self._get_support_mask().any():
            return super()._transform(X)
        return X.iloc[:, :0] if hasattr(X, "iloc") else X[:, :0]
