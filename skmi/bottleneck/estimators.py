"""The information bottleneck: predictors that keep of X what tells about y."""

from typing import ClassVar

import numpy as np
from sklearn.metrics import r2_score
from sklearn.utils import check_array, compute_class_weight
from sklearn.utils.multiclass import check_classification_targets
from sklearn.utils.validation import check_is_fitted

from skmi._core.params import estimator, parameter
from skmi._core.sklearn_compat import (
    ClassifierMixin,
    MultiOutputMixin,
    RegressorMixin,
    StrOptions,
)
from skmi._data.dtypes import wanting_numbers
from skmi._data.scaling import Scaler
from skmi.bottleneck._base import BottleneckEstimator

__all__ = ["IBEncoder", "IBRegressor"]


@estimator
class IBEncoder(ClassifierMixin, BottleneckEstimator):
    r"""Classifier through a code that holds little of X but what tells about y.

    .. math:: \min \; E[-\log q(y|z)] + \beta \, I(Z; X), \quad z \sim q(z|x)

    a noisy code of each row, and labels read off the code by one linear layer. The
    first term is `distortion_`, in nats; H(Y) less it is `mutual_info_`, a lower bound
    of I(Z; Y). `transform` gives the codes, `score_samples` tells strange rows.

    Parameters
    ----------
    class_weight : dict, "balanced" or None, default=None
        Weights of the labels in training; reports are without.
    [shared]

    Attributes
    ----------
    classes_ : ndarray of shape (n_classes,)
        The labels.
    distortion_ : float
        Mean cross-entropy, in nats.
    [shared]

    See Also
    --------
    IBRegressor : The same for numbers.
    InfoMaxEncoder : Keeps all that it can.

    Notes
    -----
    All reports are on `test_size` rows that neither trained nor chose the epoch.
    Predictions average the probabilities of `n_samples_predict` codes, the same noise
    for every row.

    A large `beta` lets the codes collapse, with a :class:`skmi.CollapseWarning`, often
    before it must: "warm_up" finds codes first and presses them then. A critic that
    cannot follow the encoder, as "mine", "nwj" and "jsd" often cannot, presses little
    or not at all whatever `beta` is; `rate_` shows it.

    Rates are measured against a mixture of at most ten normal distributions, fitted to
    codes of training rows, whatever is pressed on in training: a tighter bound than
    the standard normal distribution, and one that rows far from all others exceed.
    Where the noise is not normal given a row, it is taken for normal, and the rate is
    no bound.

    References
    ----------
    .. [1] A. A. Alemi, I. Fischer, J. V. Dillon, K. Murphy. Deep variational
       information bottleneck. ICLR, 2017.
    .. [2] M. I. Belghazi et al. Mutual information neural estimation. ICML, 2018.
    .. [3] L. Wen, Y. Zhou, L. He, M. Zhou, Z. Xu. Mutual information gradient
       estimation for representation learning. ICLR, 2020.

    Examples
    --------
    >>> from sklearn.datasets import load_iris
    >>> from skmi import IBEncoder
    >>> X, y = load_iris(return_X_y=True)
    >>> model = IBEncoder(
    ...     n_components=2, learning_rate_init=0.01, max_iter=40,
    ...     early_stopping=False, random_state=0).fit(X, y)
    >>> bool(model.score(X, y) > 0.9)
    True
    >>> model.transform(X).shape
    (150, 2)
    """

    _target_options: ClassVar = {}

    class_weight: object = parameter(
        default=None, constraints=[dict, StrOptions({"balanced"}), None]
    )

    def predict_proba(self, X):
        """Predict the probabilities of the labels.

        Parameters
        ----------
        X : array-like of shape (n_samples, n_features)
            Rows.

        Returns
        -------
        ndarray of shape (n_samples, n_classes)
            One column for each of `classes_`.
        """
        check_is_fitted(self)
        return self._model.outputs(self._validate_rows(X))

    def predict(self, X):
        """Predict the likeliest label of each row.

        Parameters
        ----------
        X : array-like of shape (n_samples, n_features)
            Rows.

        Returns
        -------
        ndarray of shape (n_samples,)
            Labels.
        """
        probabilities = self.predict_proba(X)
        return self.classes_[probabilities.argmax(axis=1)]

    def _encode_target(self, y, *, reset):
        if reset:
            check_classification_targets(y)
            self.classes_ = np.unique(y)
            if len(self.classes_) < 2:
                raise ValueError(
                    f"{type(self).__name__} needs labels of two classes or more; y has "
                    "1 class."
                )
        known = np.isin(y, self.classes_)
        if not known.all():
            raise ValueError(f"y holds labels that were not there in fit: {y[~known]}.")
        return np.eye(len(self.classes_))[np.searchsorted(self.classes_, y)]

    def _scale_target(self, target, train):
        counted = train if self.class_weight == "balanced" else slice(None)
        labels = self.classes_[target[counted].argmax(axis=1)]
        known = np.isin(self.classes_, labels)
        weights = np.ones(len(self.classes_))
        weights[known] = compute_class_weight(
            self.class_weight, classes=self.classes_[known], y=labels
        )
        return target * weights, None


@estimator
class IBRegressor(RegressorMixin, MultiOutputMixin, BottleneckEstimator):
    r"""Regressor through a code that holds little of X but what tells about y.

    .. math:: \min \; E[-\log q(y|z)] + \beta \, I(Z; X), \quad z \sim q(z|x)

    a noisy code of each row, and the means of normal targets read off the code by one
    linear layer; their deviations are the same for all rows. `mutual_info_` is the
    multi-sample lower bound of I(Z; Y) with the decoder as its critic, at most log
    min(512, n).

    Parameters
    ----------
    [shared]

    Attributes
    ----------
    distortion_ : float
        Minus the mean log density of the targets, in nats and the units of y.
    [shared]

    See Also
    --------
    IBEncoder : The same for labels.
    MIGEGradient : Codes that tell about y, without a price on what they hold of X.

    Notes
    -----
    Given the code the targets are taken for independent and normal; `predict` gives
    their means. All else is as in :class:`IBEncoder`. Targets are standardised, so
    that `beta` means the same in all units.

    References
    ----------
    .. [1] A. A. Alemi, I. Fischer, J. V. Dillon, K. Murphy. Deep variational
       information bottleneck. ICLR, 2017.
    .. [2] M. I. Belghazi et al. Mutual information neural estimation. ICML, 2018.
    .. [3] L. Wen, Y. Zhou, L. He, M. Zhou, Z. Xu. Mutual information gradient
       estimation for representation learning. ICLR, 2020.

    Examples
    --------
    >>> from sklearn.datasets import load_diabetes
    >>> from skmi import IBRegressor
    >>> X, y = load_diabetes(return_X_y=True)
    >>> model = IBRegressor(
    ...     n_components=2, learning_rate_init=0.01, max_iter=40,
    ...     early_stopping=False, random_state=0).fit(X, y)
    >>> bool(model.score(X, y) > 0.4)
    True
    >>> 0 < model.mutual_info_ < model.rate_
    True
    """

    _target_options: ClassVar = {"multi_output": True, "y_numeric": True}

    def predict(self, X):
        """Predict the mean of the targets of each row.

        Parameters
        ----------
        X : array-like of shape (n_samples, n_features)
            Rows.

        Returns
        -------
        ndarray of shape (n_samples,) or (n_samples, n_targets)
            Numbers, shaped as y was in fit.
        """
        check_is_fitted(self)
        means = self._model.outputs(self._validate_rows(X))
        return means[:, 0] if self._target_ndim == 1 else means

    @wanting_numbers("X or y")
    def score(self, X, y, sample_weight=None):
        """Share of the variance of the targets that the predictions explain, R2.

        Parameters
        ----------
        X : array-like of shape (n_samples, n_features)
            Rows that did not train the model.
        y : array-like of shape (n_samples,) or (n_samples, n_targets)
            Their targets.
        sample_weight : array-like of shape (n_samples,), default=None
            Weights of the rows.

        Returns
        -------
        float
            Mean over the targets; 1 at best, 0 for their mean.
        """
        predicted = self.predict(X)
        y = check_array(y, dtype=np.float64, ensure_2d=False, input_name="y")
        unit = np.abs(y).max(axis=0)  # keeps squares from overflowing
        unit = np.where(unit > 0, unit, 1.0)
        return r2_score(y / unit, predicted / unit, sample_weight=sample_weight)

    def _encode_target(self, y, *, reset):
        if reset:
            self._target_ndim, self._n_targets = y.ndim, y[:1].size
        if y[:1].size != self._n_targets:
            raise ValueError(
                f"y has {y[:1].size} columns, but {type(self).__name__} was fitted "
                f"with {self._n_targets}."
            )
        return y.reshape(len(y), -1).astype(np.float64)

    def _scale_target(self, target, train):
        scaler = Scaler.fit(target[train])
        return scaler.transform(target), scaler
