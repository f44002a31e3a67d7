"""AutoMI: the estimator to start with."""

from __future__ import annotations

import math
import warnings
from typing import Any, ClassVar, Self

import numpy as np
from numpy.typing import ArrayLike
from scipy.stats import entropy
from sklearn.utils.validation import check_is_fitted
from torch import nn

from skmi._core.params import estimator, parameter
from skmi._core.sklearn_compat import (
    HasMethods,
    Integral,
    StrOptions,
    make_random_state,
)
from skmi._data.splitting import cross_fitting_folds
from skmi.auto import candidates as choices
from skmi.auto.cross_fitted import CrossFittedCritic
from skmi.auto.dependence import Dependence
from skmi.auto.evidence import LEAST_COLUMNS, examine, separation, with_mixtures
from skmi.auto.pairs import by_pairs, pairs_show_more
from skmi.auto.untrained import nearest_of_labels
from skmi.auto.verdict import (
    describe,
    doubt_of_samples,
    interval,
    is_cut_short,
    status,
    warn_of,
)
from skmi.base import MutualInfoEstimator
from skmi.critics._layers import ACTIVATIONS
from skmi.entropy import highest_entropy
from skmi.exceptions import SkmiWarning
from skmi.gaussian.cross_fitted import CopulaReference
from skmi.neighbors._residuals import ResidualsMixin
from skmi.training.parameters import (
    COUNT,
    OPTIONAL_COUNT,
    POSITIVE,
    CriticParameters,
    LoopParameters,
    PatienceParameters,
)
from skmi.variational.conditional import BarberAgakov

__all__ = ["AutoMI"]

LABEL_EPOCHS = 1000  # of a classifier, whose epochs are passes and cost little
FOLDS, LABEL_FOLDS = 3, 5
ENCODER = [HasMethods(["fit", "transform"]), nn.Module, None]


@estimator
class AutoMI(
    PatienceParameters,
    LoopParameters,
    CriticParameters,
    ResidualsMixin,
    MutualInfoEstimator,
):
    r"""Mutual information by the best of several methods: the estimator to start with.

    .. math:: I \approx E_P[f] - \log E_Q[e^f], \quad f = r(x, y) + g \, h_\theta(x, y)

    What costs little comes first. A closed form r, the log density ratio of an
    elliptical copula, is fitted; for up to four columns on a side nearest neighbours
    estimate beside it, extrapolated to none. Then four tests ask whether the closed
    form misses dependence: whether neighbours find more, whether the conditional mean
    of one block is not linear in the other, whether moments of the samples differ from
    those of draws of the closed form, whether boosted trees classify joint and
    re-paired test samples better than r does. If none finds any, the closed form is
    reported.

    Otherwise neighbours are reported for up to three columns of both sides, or where
    they find clearly more and do not depend on their number; of strong dependence those
    of the residuals of a regression, which have no ceiling. Else copulas of a share of
    dependent samples and of mixtures of normal distributions are tried; then the sum
    over pairs of columns, for three to ten columns on each side that match, as they are
    or as independent components, to pairs that are independent of each other. Only
    where those do not suffice are critics f trained, three of them, each on two thirds
    of the samples and tested on the others, at the epoch that is best on the other
    folds. They begin as r (g is 0 at first), and are reported where their bound is
    larger by two standard errors. Their estimate is moved from the test towards the
    training samples, by three quarters of the difference; half of it is in the error.

    For labels classifiers give the lower bound. The estimate is that of Ross's
    neighbours for up to four columns of numbers, and that bound otherwise.

    First a column that others of its side nearly determine is replaced by what a
    regression on them leaves. Repeated values are spread over the gap to the next.

    Where samples depend on each other, by groups or in a series of `block_length`,
    every fold has whole groups or blocks, neighbours are those of other folds, the
    closed form is its bound out of fold; mixtures, pairs and residuals are left out.

    Parameters
    ----------
    [shared]

    Attributes
    ----------
    [shared]
    lower_bound_ : float
        The multi-sample lower bound on held-out samples, in nats; see `score`.
    confidence_interval_ : ConfidenceInterval
        The pair (low, high) of a 95 % interval, in nats, with its `lower_limit`, of
        one side, and `standard_error` as attributes.
    reference_mutual_info_ : float
        The estimate of the closed form alone, in nats; 0 without one.
    candidate_scores_ : dict of float
        The lower bound on held-out samples of each source that was tried; that of
        `candidates` by class and place.
    chosen_ : str
        The source of the estimate: "reference" (the closed form), "neighbors",
        "contaminated copula", "mixture copula", "pairs of columns", "counts" (of labels
        of both sides), "critic" or the name of a candidate.
    status_ : str
        Only with "ok" and "zero" is the interval to be trusted. "zero": not
        significantly above 0. "saturated": close to the logarithm of the number of test
        samples, the most that they support. "incomplete": tests find dependence that
        the estimate misses; it is too low. "unstable": the folds differ by more than
        their errors, or their bound is larger. "not converged": training still improved
        at `max_iter`, or critics fit the training samples far better than the test
        samples, or the estimate still rises with fewer neighbours, as it does where one
        side is a function of the other; it may be too low.
        "few samples": for so many columns; dependence can remain unseen. "dependent
        samples": X and y look like series, or rows are repeated, and neither `groups`
        nor `block_length` says so.
    fold_scores_ : ndarray of shape (n_folds,)
        The estimate of each fold.
    n_iter_ : int
        Number of epochs run; 0 where no critic was trained.
    best_iter_ : list of int
        The epoch, counted from 1, whose weights were kept in each fold; 0 if they are
        those before training.
    loss_curve_ : list of float
        Minus the objective on the batches, for each epoch; the mean over folds.
    validation_scores_ : list of float or None
        The objective on the early-stopping samples, for each epoch; the mean over
        folds.

    See Also
    --------
    KSG : Nearest neighbours, for few columns.
    EllipticalCopulaMI : The closed form alone.
    DonskerVaradhan : The bound that the critics are trained on.

    Notes
    -----
    An epoch is one pass over the training samples, or as many as make 25 steps. Columns
    of strings, categories and booleans beside numbers become indicators. For labels
    alone training is that of :class:`BarberAgakov`, for at most 1000 passes, whatever
    `max_iter` and `n_iter_no_change` are.

    `lower_bound_` is a lower bound in expectation whatever the distribution. The upper
    end of the interval is conditional: it holds if the dependence is of a kind that one
    of the sources can express at this number of samples, since no method bounds mutual
    information from above without assumptions. Where the closed form is reported it
    reaches to that of neighbours, and the lower end to that of the bound out of fold
    where this is far below its ceiling. With few samples the interval of neighbours is
    longer upwards than downwards. The upper end is at least 0.

    No sample is tested on by a critic that it trained or stopped. The choice of the
    source, however, is made on the test samples: the best of a few, by a margin of two
    standard errors or by the lower bound, never by the estimate itself.

    It underestimates where the structure is fine for the number of samples: of a spiral
    in 25 columns nothing is found at 10,000 samples. Above about log n nats only linear
    relations with noise can be estimated; else `status_` is "saturated".

    References
    ----------
    .. [1] M. D. Donsker, S. R. S. Varadhan. Asymptotic evaluation of certain Markov
       process expectations for large time IV. Comm. Pure Appl. Math., 1983.
    .. [2] B. Poole et al. On variational bounds of mutual information. ICML, 2019.
    .. [3] A. Kraskov, H. Stögbauer, P. Grassberger. Estimating mutual information.
       Phys. Rev. E 69, 066138, 2004.
    .. [4] B. C. Ross. Mutual information between discrete and continuous data sets.
       PLoS ONE 9(2), e87357, 2014.
    .. [5] V. Chernozhukov et al. Double/debiased machine learning for treatment and
       structural parameters. Econom. J. 21, 2018.

    Examples
    --------
    >>> from skmi import AutoMI
    >>> from skmi.datasets import make_correlated_normal
    >>> X, Y, truth = make_correlated_normal(
    ...     500, 3, mutual_info=0.5, random_state=0)
    >>> model = AutoMI(random_state=0).fit(X, Y)
    >>> round(model.mutual_info_, 1), model.chosen_, model.status_
    (0.5, 'reference', 'ok')
    """

    _parameter_texts: ClassVar = {
        "cv": """int, cross-validation generator, iterable or None
    Folds of cross-fitting: every sample is tested once, by a model that was neither
    trained nor stopped on it. None means three shuffled folds, for labels five
    stratified ones.""",
        "block_length": """int or None
    For series: number of consecutive samples in a block, several times the length over
    which they are correlated. Folds are then consecutive samples with a gap of a block
    before and after, and errors are those of blocks. None means that samples are
    independent, or those of different `groups` in `fit` are.""",
    }

    # Short epochs of at least 25 steps, with few negatives and a high rate: the critic
    # begins at the closed form, and has little to add. With epochs of fifty steps at
    # half the rate and "silu", critics of nine families (200 and 1000 samples) took
    # twice the time, and their estimates were no better. With half the negatives and a
    # patience of two epochs, those of spirals of three and five columns a side (10,000
    # samples) were .05 to .12 too low, now .02 to .08.
    max_iter: int = parameter(default=60, constraints=COUNT)
    n_negatives: int | None = parameter(default=8, constraints=OPTIONAL_COUNT)
    learning_rate_init: float = parameter(default=6e-3, constraints=POSITIVE)
    activation: str = parameter(
        default="relu", constraints=[StrOptions(set(ACTIVATIONS))]
    )
    n_iter_no_change: int = parameter(default=3, constraints=COUNT)
    n_components: int = parameter(default=32, constraints=COUNT)
    reference: str | None = parameter(
        default="copula", constraints=[StrOptions({"copula"}), None]
    )
    candidates: Any = parameter(default=None, constraints=["array-like", None])
    encoder_x: Any = parameter(default=None, constraints=ENCODER)
    encoder_y: Any = parameter(default=None, constraints=ENCODER)
    cv: Any = parameter(default=None, constraints=["cv_object"])
    block_length: int | None = parameter(default=None, constraints=OPTIONAL_COUNT)
    n_jobs: int | None = parameter(default=None, constraints=[Integral, None])

    _label_columns = "indicators"
    _mixes_labels_in_y = True

    # -- fit ---------------------------------------------------------------------

    def fit(
        self,
        X: ArrayLike,
        y: ArrayLike,
        Z: ArrayLike | None = None,
        groups: ArrayLike | None = None,
    ) -> Self:
        """Estimate the mutual information of X and y, conditional on Z if it is given.

        Parameters
        ----------
        X : array-like of shape (n_samples, n_features)
            Numbers, one row for each sample; columns of labels become indicators.
        y : array-like of shape (n_samples,) or (n_samples, n_targets)
            Numbers, or labels: strings, categories, booleans or two distinct values.
        Z : array-like of shape (n_samples,) or (n_samples, n_conditions), default=None
            Conditioning variable: numbers, labels or both. With it, all results are of
            the conditional mutual information I(X; y | Z).
        groups : array-like of shape (n_samples,), default=None
            Labels of groups of dependent samples, none of which is in two folds.

        Returns
        -------
        self : object
            The fitted estimator.

        Raises
        ------
        ValueError
            If X, y or Z holds missing values, dates, text among numbers or too few
            samples, or groups go with Z, `block_length` or `candidates`.
        TypeError
            If X, y or Z is neither an array nor a table.
        """
        if groups is not None and Z is not None:
            raise ValueError("groups cannot be combined with Z; leave out one of them.")
        self._groups = groups
        try:
            return super().fit(X, y, Z)
        finally:
            del self._groups

    def _fit(self, X, y):
        if self.candidates:
            choices.require_estimators(self.candidates)
        random_state = make_random_state(self.random_state)
        model = self._make_model(random_state)
        self._read_dependence(model, X, y, random_state)
        if hasattr(self, "classes_"):
            chosen = self._fit_labels(model, X, y, random_state)
        else:
            chosen = self._fit_numbers(model, X, y, random_state)
        if self.candidates:
            is_discrete = hasattr(self, "classes_")
            settings = {"discrete": is_discrete, "n_jobs": self.n_jobs}
            chosen, scores = choices.by_estimators(
                self.candidates, X, y, self._folds, chosen, **settings
            )
            self.candidate_scores_ |= scores
        freedom = math.inf
        if self._dependence is not None:
            estimate = self._dependence.lengthened(chosen.estimate)
            chosen = chosen._replace(estimate=estimate)
            freedom = self._dependence.freedom
        self._model, self.chosen_ = chosen.model, chosen.name
        self.lower_bound_: float = chosen.lower_bound
        limited = self._limit(chosen.estimate, X, y)
        ends = map(highest_entropy, self._label_sides(X, y))
        limited = limited._replace(ceiling=min(chosen.estimate.ceiling, *ends, np.inf))
        self.confidence_interval_ = interval(limited, chosen.others, freedom)
        curve = self.validation_scores_
        cut_short = curve is not None and is_cut_short(curve, model.max_iter)
        self.status_ = status(chosen, self.fold_scores_, cut_short)
        is_said = self._dependence is not None
        is_encoded = self.encoder_x is not None or self.encoder_y is not None
        self.status_ = doubt_of_samples(X, y, self.status_, is_said, is_encoded)
        self._reach = min(chosen.estimate.reach, chosen.estimate.ceiling)
        if self.status_ not in ("ok", "zero"):
            last = model.max_iter if cut_short else None
            warn_of(self.status_, chosen.estimate, last)
        return chosen.estimate._replace(reach=math.inf)  # said already

    def _read_dependence(self, model, X, y, random_state):
        """Learn which samples depend on each other, and give the critics such folds."""
        self._dependence = None
        if self._groups is None and self.block_length is None:
            return
        if self.candidates:
            raise ValueError(
                "candidates cannot be combined with groups or block_length: they take "
                "samples as independent. Pass them without, or leave them out."
            )
        self._dependence = Dependence.read(self._groups, self.block_length, len(X))
        model.set_params(cv=self._dependence.folds(model.cv, random_state))

    @property
    def _within(self):
        """The groups or blocks of dependent samples, for their standard errors."""
        return {} if self._dependence is None else self._dependence.within

    _status_of_repeats = "dependent samples"

    def _fit_conditional(self, X, y, Z, **settings):
        if self.encoder_x is not None:
            raise ValueError(
                "encoder_x would be applied to X and Z; transform X in a pipeline."
            )
        estimate = super()._fit_conditional(X, y, Z, **settings)
        whole, part = self._chain
        for name in ("lower_bound_", "reference_mutual_info_"):
            setattr(self, name, getattr(whole, name) - getattr(part, name))
        self._reach = whole._reach - part.mutual_info_
        freedom = math.inf if whole._dependence is None else whole._dependence.freedom
        self.confidence_interval_ = interval(estimate, freedom=freedom)
        return estimate

    def _make_model(self, random_state):
        """Return the critics to train, with the parameters of this estimator."""
        discrete = hasattr(self, "classes_")
        model = BarberAgakov(max_iter=LABEL_EPOCHS) if discrete else CrossFittedCritic()
        mine = self.get_params(deep=False)
        names = model.get_params(deep=False).keys() & mine.keys()
        if discrete:
            choices.refuse_encoders(encoder_x=self.encoder_x, encoder_y=self.encoder_y)
            names -= {"max_iter", "n_iter_no_change", "n_negatives"}
            names -= {"critic"} if isinstance(self.critic, str) else set()
        seed = random_state.randint(np.iinfo(np.int32).max)
        folds = LABEL_FOLDS if discrete else FOLDS
        return model.set_params(
            **{name: mine[name] for name in names}
            | {
                "discrete_target": discrete,
                "cv": folds if self.cv is None else self.cv,
                "random_state": seed,
            }
        )

    @property
    def _two_values_are_labels(self):
        return self.encoder_x is None and self.encoder_y is None

    def critic_to_test(self, X, y):
        """Return an untrained critic whose ratios will differ, and rows that it takes.

        For permutation tests, which train it and permute held-out samples.

        Parameters
        ----------
        X : array-like of shape (n_samples, n_features)
            Samples.
        y : array-like of shape (n_samples,) or (n_samples, n_targets)
            Their partners.

        Returns
        -------
        critic : estimator
        X : ndarray of shape (n_samples, n_columns)
        y : ndarray of shape (n_samples,) or (n_samples, n_target_columns)
        """
        X, y = self._validate(X, y, reset=True)
        critic = self._make_model(make_random_state(self.random_state))
        if not hasattr(self, "classes_"):
            critic.set_params(allow_untrained=False)
        return critic, X, y

    def _train(self, model, X, y):
        """Fit the critics, and let callbacks see it."""
        given_X, given_y = self._given
        context = self._init_callback_context(max_subtasks=1)
        context.call_on_fit_task_begin(estimator=self, X=given_X, y=given_y)
        task = context.subcontext(task_name="cross-fitting")
        with task.propagate_callback_context(model), warnings.catch_warnings():
            warnings.simplefilter("ignore", SkmiWarning)
            task.call_on_fit_task_begin(estimator=self, X=given_X, y=given_y)
            dependence = self._dependence
            groups = None if dependence is None else dependence.codes
            model.fit(X, y, groups=groups)
            task.call_on_fit_task_end(estimator=self, X=given_X, y=given_y)
        context.call_on_fit_task_end(estimator=self, X=given_X, y=given_y)
        self.fold_scores_ = model.fold_scores_
        self.n_iter_: int = model.n_iter_
        self.best_iter_: list[int] = model.best_iter_
        self.loss_curve_: list[float] = model.loss_curve_
        self.validation_scores_: list[float] | None = model.validation_scores_

    def _fit_labels(self, model, X, y, random_state):
        """Train classifiers, a lower bound; neighbours for few columns of numbers."""
        self._train(model, X, y)
        self.reference_mutual_info_: float = 0.0
        with warnings.catch_warnings():  # given already in the fit
            warnings.simplefilter("ignore", SkmiWarning)
            self._folds = model._split(X, y, make_random_state(model.random_state))
        counts = np.unique(y, return_counts=True)[1]
        fitted = entropy(counts) + float(model._log_ratio_of_pairs(X, y).mean())
        chosen = choices.by_classifiers(model, self._folds, fitted)
        self.candidate_scores_: dict[str, float] = {"critic": chosen.lower_bound}
        if self._dependence is None and choices.are_codes(X):
            return choices.by_counts(X, y, chosen)
        near = nearest_of_labels(X, y, random_state, self._dependence)
        return choices.by_neighbors_of_labels(near, chosen, X)

    def _fit_numbers(self, model, X, y, random_state):
        """Fit closed forms and neighbours, and critics where those miss dependence."""
        self.reference_mutual_info_ = 0.0
        if self.reference is None or self.encoder_x or self.encoder_y:
            return self._fit_critics(model, X, y, None)
        self._folds = cross_fitting_folds(
            y,
            model.cv,
            stratified=False,
            validation_fraction=0,
            random_state=make_random_state(model.random_state),
            name=type(self).__name__,
        )
        found = examine(X, y, random_state, self._dependence)
        self.reference_mutual_info_ = found.value
        is_independent = self._dependence is None
        has_pairs = is_independent and min(X.shape[1], y.shape[1]) >= LEAST_COLUMNS
        if not found.is_missed and has_pairs:
            more = pairs_show_more(found, X, y, random_state)
            found = found._replace(is_missed=more)
        if not found.is_missed:
            return self._train_nothing(found)
        if found.neighbors_suffice:
            self._train_nothing(found)
            return self._fit_neighbors(model, X, y, found.near)
        summed = None
        if is_independent:
            found = with_mixtures(found, X, y, random_state)
            if not found.is_missed:
                return self._train_nothing(found)
            summed = by_pairs(X, y, self._folds, random_state)
        if summed is not None and summed[0].improves(found):
            self._train_nothing(found)
            return self._take(*summed)
        if found.has_residuals:
            self._train_nothing(found)
            return self._fit_neighbors(model, X, y, found.near)
        chosen = self._fit_critics(model, X, y, found)
        if found.near is None or not found.near.exceeds(chosen.estimate):
            return chosen
        return self._fit_neighbors(model, X, y, found.near)

    def _train_nothing(self, found):
        """Set the attributes of a fit without a critic; return the closed form."""
        bounds = found.closed.bounds
        self.candidate_scores_ = {found.name: float(bounds.mean())}
        self.fold_scores_ = np.array([bounds[f.report].mean() for f in self._folds])
        self.n_iter_, self.best_iter_ = 0, [0] * len(self._folds)
        self.loss_curve_, self.validation_scores_ = [], None
        return choices.by_closed_form(found, self._folds)

    def _fit_neighbors(self, model, X, y, near):
        seed = model.random_state
        return self._take(*choices.by_neighbors(near, X, y, self._folds, seed))

    def _take(self, chosen, bounds):
        self.candidate_scores_[chosen.name] = chosen.lower_bound
        self.fold_scores_ = bounds
        return chosen

    def _fit_critics(self, model, X, y, found):
        """Train critics, and report them where they improve on the closed forms."""
        self._train(model, X, y)
        self._folds = model.folds_
        whole, closed = model.whole_, model.closed_
        self.candidate_scores_ = {"critic": float(whole.bounds.mean())}
        shortfall = 0.0 if found is None else found.reference.shortfall
        critics = choices.by_critics(X, y, model, shortfall)
        if found is None:
            return critics
        is_copula = isinstance(found.reference, CopulaReference)
        if not is_copula and len(found.closed.bounds) == len(whole.bounds):
            closed = found.closed  # that of the copula has the critics' own folds
        self.candidate_scores_[found.name] = float(closed.bounds.mean())
        bounds = whole, closed
        return choices.better_of(critics, found, bounds, self._folds, self._within)

    def _validate(self, X, y, *, reset, **settings):
        """Return both sides, nearly collinear columns replaced by what others leave."""
        X, y = super()._validate(X, y, reset=reset, **settings)
        if reset:
            is_plain = not (self.candidates or self.encoder_x or self.encoder_y)
            self._maps = [separation(side) if is_plain else None for side in (X, y)]
            pairs = zip(self._known_rows, self._maps, strict=True)
            self._known_rows = tuple(a if b is None else a @ b for a, b in pairs)
        pairs = zip((X, y), self._maps, strict=True)
        return tuple(a if a is None or b is None else a @ b for a, b in pairs)

    # -- new samples -------------------------------------------------------------

    @property
    def _contrast(self):
        return self._model._contrast

    @property
    def _is_normalized(self):
        return self._model._is_normalized

    def _mutual_info(self, X, y):
        return self._model._mutual_info(X, y)

    def _log_ratio(self, X, y):
        return self._model._log_ratio(X, y)

    def _log_ratio_of_pairs(self, X, y):
        return self._model._log_ratio_of_pairs(X, y)

    def report(self) -> str:
        """Return the result in words.

        Returns
        -------
        str
            A few lines for people.
        """
        check_is_fitted(self)
        return describe(self)
