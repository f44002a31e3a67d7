"""AutoMI: the estimator to start with."""

import math
import warnings

import numpy as np
from joblib import Parallel, delayed
from scipy.stats import chi2, norm
from sklearn.base import clone
from sklearn.preprocessing import OneHotEncoder
from sklearn.utils.validation import check_array, check_X_y, validate_data
from torch import nn

from skmi._core.params import estimator, parameter
from skmi._core.sklearn_compat import (
    HasMethods,
    Integral,
    Interval,
    Real,
    StrOptions,
    make_random_state,
)
from skmi._data.dtypes import (
    as_array,
    column_types,
    dtype_kind,
    feature_kinds,
    is_missing,
    wanting_numbers,
)
from skmi.auto.cross_fitted import CrossFittedCritic
from skmi.base import MutualInfoEstimator, Report
from skmi.critics import CRITICS
from skmi.critics._layers import ACTIVATIONS
from skmi.exceptions import ConvergenceWarning, SkmiWarning, warn
from skmi.inference.intervals import disagreement, estimates_of_halves
from skmi.neighbors.ksg import KSG
from skmi.statistics import ConfidenceInterval, standard_error
from skmi.variational.conditional import BarberAgakov

__all__ = ["AutoMI"]

LEVEL = 0.95


LABEL_EPOCHS = 1000


LARGEST_RISE = 0.01  # nats that the last quarter of the epochs may bring


@estimator
class AutoMI(MutualInfoEstimator):
    r"""Mutual information without a choice to make: the estimator to start with.

    .. math:: I \approx E_P[f] - \log E_Q[e^f], \quad f = r(x, y) + g \, h_\theta(x, y)

    A critic f that begins as a closed form r, the log density ratio of an elliptical
    copula, and learns only what that misses (g is 0 at first). Five critics are
    trained, each on four fifths of the rows, and each reports on the fifth that it has
    not seen, with the weights of the step that is best for the other four. Where the
    critics do not improve on the closed form by two standard errors, the closed form
    is reported, its bias removed. Where they do, critics of half the training rows are
    held against them, and what the other half has brought, less its standard error, is
    added once more; and for one column on each side the estimate is that of nearest
    neighbours, whose bias is then smaller. For labels the critic is a classifier:
    entropy less cross-entropy.

    Parameters
    ----------
    [shared]

    Attributes
    ----------
    [shared]
    lower_bound_ : float
        The multi-sample lower bound on rows held out, in nats; see `score`.
    confidence_interval_ : ConfidenceInterval
        The pair (low, high) of a 95 % interval, in nats, with its `lower_limit`, of
        one side, and `standard_error` as attributes.
    reference_mutual_info_ : float
        What the closed form alone gives, in nats; 0 without one.
    candidate_scores_ : dict of float
        The lower bound on rows held out, of "critic", of "reference" and of each of
        `candidates` by its class and place.
    chosen_ : str
        Where the estimate comes from: "reference", "critic", "neighbors" or the name of
        a candidate.
    status_ : {"ok", "zero", "saturated", "unstable", "not converged"}
        "zero": not to be told from 0. "saturated": close to `ceiling_`. "unstable": the
        folds disagree beyond their errors. "not converged": training still rose at
        `max_iter`, or the estimate still rises with the number of rows: the second half
        of them brought more than its standard error. With the last three the interval
        is not to be trusted.
    fold_scores_ : ndarray of shape (n_folds,)
        The estimate of each fold.
    n_iter_ : int
        Number of epochs run.

    See Also
    --------
    KSG : Nearest neighbours, for few columns.
    EllipticalCopulaMI : The closed form alone.
    DonskerVaradhan : The bound that the critics are trained on.

    Notes
    -----
    An epoch is one pass over the rows, or as many as make fifty steps. X and y may hold
    columns of strings, categories and booleans beside numbers: they become indicators.
    For labels alone training is that of :class:`BarberAgakov`, for at most 1000 passes,
    whatever `max_iter` and `n_iter_no_change` are.

    No row trains or stops the critic that reports on it. The choice between closed
    form, critic and candidates, however, is made on the rows reported on: the best of a
    few, chosen by a margin of two standard errors or by the lower bound, never by the
    estimate itself. Under a critic, too, what the closed form loses by learning its
    directions from a sample is put back.

    It fails, on the low side, where structure is fine for the number of rows: a
    spiral in 25 columns shows nothing at 10,000 rows. Above about log n nats no method
    without assumptions can tell; `status_` then says "saturated".

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

    critic: object = parameter(
        default="hybrid",
        constraints=[StrOptions(set(CRITICS)), HasMethods("build"), callable],
    )
    hidden_layer_sizes: tuple = parameter(default=(64, 64), constraints=["array-like"])
    activation: str = parameter(
        default="silu", constraints=[StrOptions(set(ACTIVATIONS))]
    )
    n_components: int = parameter(
        default=32, constraints=[Interval(Integral, 1, None, closed="left")]
    )
    reference: str | None = parameter(
        default="copula", constraints=[StrOptions({"copula"}), None]
    )
    candidates: object = parameter(default=None, constraints=["array-like", None])
    encoder_x: object = parameter(
        default=None, constraints=[HasMethods(["fit", "transform"]), nn.Module, None]
    )
    encoder_y: object = parameter(
        default=None, constraints=[HasMethods(["fit", "transform"]), nn.Module, None]
    )
    max_iter: int = parameter(
        default=30, constraints=[Interval(Integral, 1, None, closed="left")]
    )
    batch_size: int = parameter(
        default=256, constraints=[Interval(Integral, 2, None, closed="left")]
    )
    n_negatives: int | None = parameter(
        default=4, constraints=[Interval(Integral, 1, None, closed="left"), None]
    )
    learning_rate_init: float = parameter(
        default=3e-3, constraints=[Interval(Real, 0, None, closed="neither")]
    )
    alpha: float = parameter(
        default=1e-4, constraints=[Interval(Real, 0, None, closed="left")]
    )
    n_iter_no_change: int = parameter(
        default=6, constraints=[Interval(Integral, 1, None, closed="left")]
    )
    tol: float = parameter(
        default=1e-4, constraints=[Interval(Real, 0, None, closed="left")]
    )
    cv: object = parameter(default=5, constraints=["cv_object"])
    device: str = parameter(default="auto", constraints=[str])
    n_jobs: int | None = parameter(default=None, constraints=[Integral, None])
    random_state: object = parameter(default=None, constraints=["random_state"])

    # -- fit ---------------------------------------------------------------------

    def _fit(self, X, y):
        self._require_sense()
        self._still_rises = False
        random_state = make_random_state(self.random_state)
        self._model = self._make_model(random_state)
        self._train(self._model, X, y)
        self.fold_scores_ = self._model.fold_scores_
        self.n_iter_ = self._model.n_iter_
        if hasattr(self, "classes_"):
            report = self._report_labels()
        else:
            report = self._report_numbers(X, y, random_state)
        report = self._compare_candidates(X, y, report)
        self._conclude(report)
        return report

    def _require_sense(self):
        """Refuse what would otherwise be passed over in silence."""
        for item in self.candidates or []:
            if not isinstance(item, MutualInfoEstimator):
                raise TypeError(
                    "candidates must hold estimators of mutual information; got "
                    f"{type(item).__name__}."
                )
        encoders = {"encoder_x": self.encoder_x, "encoder_y": self.encoder_y}
        given = [name for name, encoder in encoders.items() if encoder is not None]
        if given and hasattr(self, "classes_"):
            raise ValueError(
                f"{given[0]} is for a y of numbers, and y holds labels. Put a "
                "transformer before AutoMI in a pipeline; a module can be part of "
                "`critic`."
            )

    def _make_model(self, random_state):
        discrete = hasattr(self, "classes_")
        model = BarberAgakov(max_iter=LABEL_EPOCHS) if discrete else CrossFittedCritic()
        mine = self.get_params(deep=False)
        names = model.get_params(deep=False).keys() & mine.keys()
        if discrete:
            names -= {"max_iter", "n_iter_no_change"}
            names -= {"critic"} if isinstance(self.critic, str) else set()
        model.set_params(**{name: mine[name] for name in names})
        seed = random_state.randint(np.iinfo(np.int32).max)
        return model.set_params(
            discrete_target=discrete,
            cv=5 if self.cv is None else self.cv,
            random_state=seed,
        )

    def critic_to_test(self, X, y):
        """Return an untrained critic whose ratios will differ, and rows that it takes.

        For permutation tests, which train it and permute the rows that it has not seen.

        Parameters
        ----------
        X : array-like of shape (n_samples, n_features)
            Rows.
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
            critic.set_params(may_be_zero=False)
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

    def _report_labels(self):
        model = self._model
        self.chosen_ = "critic"
        self.reference_mutual_info_ = 0.0
        self.lower_bound_ = model.mutual_info_
        self.candidate_scores_ = {"critic": model.mutual_info_}
        return Report(model.mutual_info_, model.standard_error_)

    def _report_numbers(self, X, y, random_state):
        model = self._model
        whole, closed = model.whole, model.closed
        self.reference_mutual_info_ = model.closed_form_mutual_info
        self.candidate_scores_ = {"critic": float(whole.bounds.mean())}
        if closed is not None:
            self.candidate_scores_["reference"] = float(closed.bounds.mean())
            if not whole.exceeds(closed):
                return self._report_closed_form(closed)
        self.lower_bound_ = self.candidate_scores_["critic"]
        if X.shape[1] == y.shape[1] == 1:
            return self._report_neighbors(X, y, random_state)
        self.chosen_ = "critic"
        value, error = self._extrapolate(X, y)
        return Report(value, error, model.ceiling_)

    def _report_closed_form(self, closed):
        self.chosen_ = "reference"
        self._model.drop_networks()
        self.lower_bound_ = self.candidate_scores_["reference"]
        error = standard_error(closed.influence)
        return Report(self.reference_mutual_info_, error, self._model.ceiling_)

    def _report_neighbors(self, X, y, random_state):
        """Report nearest neighbours; what halves of the rows lack is left in doubt."""
        self.chosen_ = "neighbors"
        seed = random_state.randint(np.iinfo(np.int32).max)
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", SkmiWarning)
            found = KSG(discrete_target=False, random_state=seed).fit(X, y)
            halves = estimates_of_halves(found, X, y, random_state, Parallel())
        error = max(
            found.standard_error_,
            disagreement(halves),
            standard_error(self._model.whole.influence),
        )
        error = math.hypot(error, found.mutual_info_ - halves.mean())
        return Report(found.mutual_info_, error, self._model.ceiling_)

    def _extrapolate(self, X, y):
        """Add what the second half of the training rows has brought, once more.

        With a shortfall that falls as 1/n, that is all of what is lacking; as the
        square root of that, half. So it is in doubt by its own size. Its standard error
        is taken off first, so that noise adds nothing.
        """
        model = self._model
        half = clone(model).set_params(cv=model.halve_folds())
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", SkmiWarning)
            half.fit(X, y)
        value = model.whole.value + model.closed_form_shortfall
        change = value - half.whole.value - half.closed_form_shortfall
        noise = standard_error(model.whole.influence - half.whole.influence)
        change = max(change - noise, 0.0)
        error = standard_error(model.whole.influence)
        self._still_rises = change > error
        return value + change, math.hypot(error, noise, change)

    def _compare_candidates(self, X, y, report):
        """Take a candidate where its lower bound is larger."""
        if not self.candidates:
            return report
        folds = self._model._folds
        discrete = hasattr(self, "classes_")
        candidates = [
            clone(item).set_params(discrete_target=discrete) for item in self.candidates
        ]
        jobs = [(item, fold) for item in candidates for fold in folds]
        scores = Parallel(n_jobs=self.n_jobs)(
            delayed(held_out_score)(item, X, y, fold) for item, fold in jobs
        )
        means = np.reshape(scores, (-1, len(folds))).mean(axis=1)
        names = [
            f"{type(item).__name__} {place}" for place, item in enumerate(candidates)
        ]
        self.candidate_scores_ |= dict(zip(names, means.tolist(), strict=True))
        best = int(means.argmax())
        if means[best] <= self.lower_bound_:
            return report
        self.chosen_, self.lower_bound_ = names[best], float(means[best])
        found = self._model = candidates[best].fit(X, y)
        return Report(found.mutual_info_, found.standard_error_, found.ceiling_)

    def _conclude(self, report):
        """Set the interval and the status; warn where training was cut short."""
        reach = norm.ppf((1 + LEVEL) / 2) * report.standard_error
        value = report.mutual_info
        self.confidence_interval_ = ConfidenceInterval(
            value - reach,
            value + reach,
            standard_error=report.standard_error,
            mutual_info=value,
            lower_limit=value - norm.ppf(LEVEL) * report.standard_error,
        )
        self.status_ = self._judge(report)
        if self.status_ == "not converged":
            reason = (
                f"The held-out bound still rose after {self._model.max_iter} epochs; "
                "the estimate may be too low. Raise max_iter."
                if self._is_cut_short
                else "The estimate still rises with the number of rows; it may be too "
                "low. More rows, or fewer columns, would tell."
            )
            warn(reason, ConvergenceWarning)

    def _judge(self, report):
        value, error, ceiling = report
        if value > 0.9 * ceiling:
            return "saturated"
        if value <= norm.ppf(LEVEL) * error:
            return "zero"
        if self.chosen_ not in ("critic", "reference"):
            return "ok"  # the folds are those of another estimate
        if self._still_rises or self._is_cut_short:
            return "not converged"
        return "unstable" if disagree(self.fold_scores_, error) else "ok"

    @property
    def _is_cut_short(self):
        if self.chosen_ != "critic":
            return False
        curve, n_most = self._model.validation_scores_, self._model.max_iter
        return len(curve) == n_most and late_rise(curve) > LARGEST_RISE

    # -- new rows ----------------------------------------------------------------

    @property
    def _bound(self):
        return "lower" if hasattr(self, "classes_") else "none"

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

    def report(self):
        """Return what was found, in words.

        Returns
        -------
        str
            A few lines for people.
        """
        low, high = self.confidence_interval_
        scale = math.sqrt(-math.expm1(-2 * max(self.mutual_info_, 0)))
        found = {
            "mutual information": f"{self.mutual_info_:.3f} nats, "
            f"{self.mutual_info_ / math.log(2):.3f} bits",
            "95 % interval": f"{low:.3f} to {high:.3f} nats",
            "on a scale of 0 to 1": f"{scale:.2f}",
            "lower bound, held out": f"{self.lower_bound_:.3f} nats",
            "closed form alone": f"{self.reference_mutual_info_:.3f} nats",
            "estimate by": self.chosen_,
            "ceiling": f"{self.ceiling_:.2f} nats",
            "status": self.status_,
        }
        return "\n".join(f"{name:<22} {value}" for name, value in found.items())

    # -- labels among the columns -------------------------------------------------

    @wanting_numbers("X or y")
    def _validate(self, X, y, *, reset, min_samples=2, with_y=True):
        X, y = as_array(X), as_array(y)
        if reset:
            self._encoders = {}
        kinds = {dtype_kind(name) for name in column_types(y)} if with_y else set()
        if len(kinds) > 1 and "discrete" in kinds:
            y = self._encode_labels_of("y", y, reset)
        return super()._validate(
            X, y, reset=reset, min_samples=min_samples, with_y=with_y
        )

    def _validate_arrays(self, X, y="no_validation", *, reset, min_samples=1):
        labelled = "discrete" in feature_kinds(X)
        if not reset and labelled != ("X" in self._encoders):
            raise ValueError(
                "X holds labels where it held numbers in fit, or the other way round."
            )
        if not labelled:
            return super()._validate_arrays(X, y, reset=reset, min_samples=min_samples)
        validate_data(self, X, reset=reset, skip_check_array=True)
        X = self._encode_labels_of("X", X, reset)
        options = {"dtype": np.float64, "ensure_min_samples": min_samples}
        if isinstance(y, str):
            return check_array(X, estimator=self, input_name="X", **options)
        return check_X_y(X, y, multi_output=True, estimator=self, **options)

    def _encode_labels_of(self, name, block, reset):
        """Replace columns of labels by indicators; labels unknown in fit have none."""
        labelled = np.array([kind == "discrete" for kind in feature_kinds(block)])
        table = np.asarray(block, dtype=object)
        labels = table[:, labelled]
        if any(map(is_missing, labels.ravel())):
            raise ValueError(
                f"{name} contains missing labels; drop those rows, or give them a "
                'label of their own, such as "missing".'
            )
        if reset:
            encoder = OneHotEncoder(handle_unknown="ignore", sparse_output=False)
            self._encoders[name] = encoder.fit(labels.astype(str))
        indicators = self._encoders[name].transform(labels.astype(str))
        return np.hstack([table[:, ~labelled].astype(np.float64), indicators])


def disagree(values, error):
    """Whether folds lie further apart than the error of their mean allows."""
    freedom = len(values) - 1
    if not freedom:
        return False
    spread = freedom * values.var(ddof=1) / max(len(values) * error**2, 1e-300)
    return spread > chi2.ppf(0.99, freedom)


def late_rise(curve):
    """Return what the last quarter of the epochs has added to the best before."""
    n_late = max(1, len(curve) // 4)
    return max(curve) - max(curve[:-n_late], default=-math.inf)


def held_out_score(candidate, X, y, fold):
    """Return the lower bound of a candidate on the report rows of a fold."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", SkmiWarning)
        others = np.setdiff1d(np.arange(len(X)), fold.report)
        fitted = clone(candidate).fit(X[others], y[others])
        return fitted.score(X[fold.report], y[fold.report])
