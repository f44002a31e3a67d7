"""AutoMI: the estimator to start with."""

import math
import warnings
from typing import Any

import numpy as np
from torch import nn

from skmi._core.params import estimator, parameter
from skmi._core.sklearn_compat import (
    HasMethods,
    Integral,
    StrOptions,
    make_random_state,
)
from skmi._data.splitting import cross_fitting_folds, stopped_by_others
from skmi.auto import candidates as choices
from skmi.auto.cross_fitted import CrossFittedCritic
from skmi.auto.evidence import evidence_of_ratio, gain_of_trees
from skmi.auto.verdict import (
    interval,
    is_cut_short,
    status,
    status_of_difference,
    warn_of_convergence,
    warn_of_reach,
)
from skmi.base import Estimate, MutualInfoEstimator
from skmi.exceptions import SkmiWarning
from skmi.gaussian.cross_fitted import CopulaReference
from skmi.gaussian.estimators import without_rank_bias
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

# Standard errors by which trees must improve on the closed forms for critics to be
# trained. Of 100 draws of normal and Student pairs (400 and 1000 samples) 4 came above
# it, of 40 of a cross and of additive noise (200 samples) 38. A false alarm costs time
# alone, a miss costs the estimate. Of several columns trees miss what is rotated, such
# as products of sums: there critics are always trained.
LEAST_GAIN = 0.75
LABEL_EPOCHS = 1000  # of a classifier, whose epochs are passes and cost little
ENCODER = [HasMethods(["fit", "transform"]), nn.Module, None]


@estimator
class AutoMI(PatienceParameters, LoopParameters, CriticParameters, MutualInfoEstimator):
    r"""Mutual information by the best of several methods: the estimator to start with.

    .. math:: I \approx E_P[f] - \log E_Q[e^f], \quad f = r(x, y) + g \, h_\theta(x, y)

    It fits a closed form r first, the log density ratio of an elliptical copula,
    cross-fitted on five folds. For one column on each side boosted trees then test on
    held-out samples whether the closed form misses any dependence; if not, it is
    reported, its bias removed. Otherwise critics f are trained that begin as r and
    learn what it misses (g is 0 at first): five of them, each on four fifths of the
    samples and tested on the other fifth, with the weights of the epoch that is best on
    the test samples of the other folds. Where critics do not improve on the closed form
    by two standard errors, the closed form is reported all the same. Where they do,
    critics of half the training samples are compared with them, and the gain from the
    other half, less its standard error, is added once more; for one column on each side
    the estimate is that of nearest neighbours, whose bias is then smaller. For labels
    the critic is a classifier, and the estimate their entropy minus the cross-entropy.

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
        The lower bound on held-out samples of "reference", of "critic" if critics were
        trained, and of each of `candidates` by its class and place.
    chosen_ : str
        The source of the estimate: "reference", "critic", "neighbors" or the name of a
        candidate.
    status_ : {"ok", "zero", "saturated", "unstable", "not converged"}
        "zero": not significantly above 0. "saturated": close to the logarithm of the
        number of test samples, the most that they support. "unstable": the folds differ
        by more than their errors. "not converged": training still improved at
        `max_iter`, or the estimate still rises with the number of samples: the second
        half of them added more than its standard error. With the last three the
        interval is not to be trusted.
    fold_scores_ : ndarray of shape (n_folds,)
        The estimate of each fold.
    n_iter_ : int
        Number of epochs run; 0 where the closed form was taken without training.
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
    An epoch is one pass over the training samples, or as many as make fifty steps. X
    and y may have columns of strings, categories and booleans beside numbers: they
    become indicators. For labels alone training is that of :class:`BarberAgakov`, for
    at most 1000 passes, whatever `max_iter` and `n_iter_no_change` are.

    No sample is tested on by a critic that it trained or stopped. The choice between
    closed form, critics and candidates, however, is made on the test samples: the best
    of a few, chosen by a margin of two standard errors or by the lower bound, never by
    the estimate itself.

    It underestimates where the structure is fine for the number of samples: of a spiral
    in 25 columns nothing is found at 10,000 samples. Above about log n nats no method
    without assumptions can estimate; `status_` is then "saturated".

    References
    ----------
    .. [1] M. D. Donsker, S. R. S. Varadhan. Asymptotic evaluation of certain Markov
       process expectations for large time IV. Comm. Pure Appl. Math., 1983.
    .. [2] B. Poole et al. On variational bounds of mutual information. ICML, 2019.
    .. [3] V. Chernozhukov et al. Double/debiased machine learning for treatment and
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

    # Short epochs of at least fifty steps, with few negatives and a high rate: the
    # critic begins at the closed form, and has little to add.
    max_iter: int = parameter(default=30, constraints=COUNT)
    n_negatives: int | None = parameter(default=4, constraints=OPTIONAL_COUNT)
    learning_rate_init: float = parameter(default=3e-3, constraints=POSITIVE)
    n_iter_no_change: int = parameter(default=6, constraints=COUNT)
    n_components: int = parameter(default=32, constraints=COUNT)
    reference: str | None = parameter(
        default="copula", constraints=[StrOptions({"copula"}), None]
    )
    candidates: Any = parameter(default=None, constraints=["array-like", None])
    encoder_x: Any = parameter(default=None, constraints=ENCODER)
    encoder_y: Any = parameter(default=None, constraints=ENCODER)
    cv: Any = parameter(default=5, constraints=["cv_object"])
    n_jobs: int | None = parameter(default=None, constraints=[Integral, None])

    _label_columns = "indicators"

    # -- fit ---------------------------------------------------------------------

    def _fit(self, X, y):
        choices.require_estimators(self.candidates)
        random_state = make_random_state(self.random_state)
        model = self._make_model(random_state)
        if hasattr(self, "classes_"):
            chosen = self._fit_labels(model, X, y)
        else:
            chosen = self._fit_numbers(model, X, y, random_state)
        chosen = self._compare(chosen, X, y)
        self._model, self.chosen_ = chosen.model, chosen.name
        self.lower_bound_: float = chosen.lower_bound
        self.confidence_interval_ = interval(chosen.estimate)
        cut_short = chosen.name == "critic" and is_cut_short(
            model.validation_scores_, model.max_iter
        )
        self.status_ = status(chosen, self.fold_scores_, cut_short)
        self._reach = min(chosen.estimate.reach, chosen.estimate.ceiling)
        if self.status_ == "not converged":
            warn_of_convergence(cut_short, model.max_iter)
        if self.status_ == "saturated":
            warn_of_reach(chosen.estimate)
        return chosen.estimate._replace(reach=math.inf)  # said already

    def _fit_conditional(self, X, y, Z, **settings):
        if self.encoder_x is not None:
            raise ValueError(
                "encoder_x would be applied to X and Z together. Put a transformer "
                "before AutoMI in a pipeline."
            )
        estimate = super()._fit_conditional(X, y, Z, **settings)
        whole, part = self._chain
        if whole.chosen_ == part.chosen_ == "reference":
            estimate = without_rank_bias(estimate, X, y, Z)
        for name in ("lower_bound_", "reference_mutual_info_"):
            setattr(self, name, getattr(whole, name) - getattr(part, name))
        self._reach = whole._reach - part.mutual_info_
        self.confidence_interval_ = interval(estimate)
        self.status_ = status_of_difference(estimate, whole.status_, part.status_)
        return estimate

    def _make_model(self, random_state):
        """Return the critics to train, with the parameters of this estimator."""
        discrete = hasattr(self, "classes_")
        model = BarberAgakov(max_iter=LABEL_EPOCHS) if discrete else CrossFittedCritic()
        mine = self.get_params(deep=False)
        names = model.get_params(deep=False).keys() & mine.keys()
        if discrete:
            self._refuse_encoders()
            names -= {"max_iter", "n_iter_no_change", "n_negatives"}
            names -= {"critic"} if isinstance(self.critic, str) else set()
        seed = random_state.randint(np.iinfo(np.int32).max)
        return model.set_params(
            **{name: mine[name] for name in names}
            | {
                "discrete_target": discrete,
                "cv": 5 if self.cv is None else self.cv,
                "random_state": seed,
            }
        )

    def _refuse_encoders(self):
        """Raise for labels, which would otherwise pass over an encoder in silence."""
        encoders = {"encoder_x": self.encoder_x, "encoder_y": self.encoder_y}
        for name, encoder in encoders.items():
            if encoder is not None:
                raise ValueError(
                    f"{name} is for a y of numbers, and y holds labels. Put a "
                    "transformer before AutoMI in a pipeline; a module can be part of "
                    "`critic`."
                )

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
            model.fit(X, y)
            task.call_on_fit_task_end(estimator=self, X=given_X, y=given_y)
        context.call_on_fit_task_end(estimator=self, X=given_X, y=given_y)
        self.fold_scores_ = model.fold_scores_
        self.n_iter_: int = model.n_iter_
        self.best_iter_: list[int] = model.best_iter_
        self.loss_curve_: list[float] = model.loss_curve_
        self.validation_scores_: list[float] | None = model.validation_scores_

    def _fit_labels(self, model, X, y):
        """Train classifiers; their bound holds for labels."""
        self._train(model, X, y)
        self.reference_mutual_info_: float = 0.0
        self.candidate_scores_: dict[str, float] = {"critic": model.mutual_info_}
        with warnings.catch_warnings():  # given already in the fit
            warnings.simplefilter("ignore", SkmiWarning)
            self._folds = model._split(X, y, make_random_state(model.random_state))
        estimate = Estimate(
            model.mutual_info_,
            model.standard_error_,
            bound="lower",
            influence=model._influence,
        )
        return choices.Candidate("critic", estimate, model.mutual_info_, model)

    def _fit_numbers(self, model, X, y, random_state):
        """Fit closed forms, and critics where those are not all there is."""
        is_plain = self.reference is not None and not (self.encoder_x or self.encoder_y)
        if not (is_plain and X.shape[1] == y.shape[1] == 1):
            return self._fit_critics(model, X, y, random_state)
        self._folds = stopped_by_others(
            cross_fitting_folds(
                y,
                model.cv,
                stratified=False,
                validation_fraction=model.validation_fraction,
                random_state=make_random_state(model.random_state),
                name=type(self).__name__,
            )
        )
        references = [
            CopulaReference(X[fold.train], y[fold.train]) for fold in self._folds
        ]
        gain = gain_of_trees(
            references, X, y, self._folds, make_random_state(model.random_state)
        )
        if gain > LEAST_GAIN:
            return self._fit_critics(model, X, y, random_state)
        closed = evidence_of_ratio(references, X, y, self._folds)
        found = choices.ClosedForms(references)
        chosen = choices.by_closed_form(references, closed, self._folds, found)
        self.reference_mutual_info_ = chosen.estimate.mutual_info
        self.candidate_scores_ = {"reference": chosen.lower_bound}
        self.fold_scores_ = closed.folds
        self.n_iter_, self.best_iter_ = 0, [0] * len(self._folds)
        self.loss_curve_, self.validation_scores_ = [], None
        return chosen

    def _fit_critics(self, model, X, y, random_state):
        """Train critics, and report them where they improve on the closed forms."""
        self._train(model, X, y)
        self._folds = model.folds_
        whole, closed = model.whole_, model.closed_
        self.reference_mutual_info_ = 0.0
        self.candidate_scores_ = {"critic": float(whole.bounds.mean())}
        if closed is not None:
            references = [item.reference for item in model._scores.inputs]
            self.candidate_scores_["reference"] = float(closed.bounds.mean())
            self.reference_mutual_info_ = choices.closed_form_mutual_info(
                references, closed
            )
            if not whole.exceeds(closed):
                model.drop_networks()
                return choices.by_closed_form(references, closed, self._folds, model)
        if X.shape[1] == y.shape[1] == 1:
            return choices.by_neighbors(X, y, model, random_state)
        return choices.by_critics(X, y, model)

    def _compare(self, chosen, X, y):
        """Return a candidate of the user's where its lower bound is larger."""
        best, scores = choices.by_estimators(
            self.candidates,
            X,
            y,
            self._folds,
            discrete=hasattr(self, "classes_"),
            n_jobs=self.n_jobs,
        )
        self.candidate_scores_ |= scores
        if best is None or best.lower_bound <= chosen.lower_bound:
            return chosen
        model = best.model.fit(X, y)
        estimate = Estimate(
            model.mutual_info_,
            model.standard_error_,
            model.ceiling_,
            chosen.estimate.bound,
            influence=model._influence,
        )
        return best._replace(model=model, estimate=estimate)

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
        low, high = self.confidence_interval_
        found = {
            "mutual information": f"{self.mutual_info_:.3f} nats, "
            f"{self.mutual_info_ / math.log(2):.3f} bits",
            "95 % interval": f"{low:.3f} to {high:.3f} nats",
            "on a scale of 0 to 1": f"{self.information_coefficient_:.2f}",
            "lower bound, held out": f"{self.lower_bound_:.3f} nats",
            "closed form alone": f"{self.reference_mutual_info_:.3f} nats",
            "estimate by": self.chosen_,
            "samples support": f"up to {self._reach:.2f} nats",
            "status": self.status_,
        }
        return "\n".join(f"{name:<22} {value}" for name, value in found.items())
