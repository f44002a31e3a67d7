"""The scorer of searches, and of callbacks that monitor training."""

from __future__ import annotations

from typing import Any

from numpy.typing import ArrayLike
from sklearn.base import is_classifier, is_regressor
from sklearn.pipeline import Pipeline

__all__ = ["mi_scorer"]


def mi_scorer(estimator: Any, X: ArrayLike, y: ArrayLike | None = None) -> float:
    r"""Return the mutual information that a fitted estimator finds, in nats.

    .. math:: \frac1n \sum_i \log \frac{e^{f(x_i, y_i)}}{\frac1K \sum_j e^{f(x_i, y_j)}}

    the lower bound of ``score`` for estimators of mutual information and encoders; for
    a bottleneck, whose ``score`` is that of its predictions, the information of its
    codes on y. For ``scoring=`` of searches and of ``sklearn.callback.ScoringMonitor``.

    Parameters
    ----------
    estimator : estimator
        Fitted; or a pipeline that ends with one.
    X : array-like of shape (n_samples, n_features)
        Test samples, which did not train it.
    y : array-like of shape (n_samples,) or (n_samples, n_targets), default=None
        Their partners.

    Returns
    -------
    float
        Nats, higher is better.

    Raises
    ------
    TypeError
        If the estimator does not measure mutual information.

    Notes
    -----
    A callback scores the training samples, so that its numbers are too high where the
    model overfits; they show whether training goes on, not how much there is.

    Examples
    --------
    >>> from sklearn.model_selection import cross_val_score
    >>> from skmi import GaussianMI, mi_scorer
    >>> from skmi.datasets import make_correlated_normal
    >>> X, Y, truth = make_correlated_normal(600, 1, mutual_info=0.5, random_state=0)
    >>> scores = cross_val_score(GaussianMI(), X, Y, scoring=mi_scorer, cv=3)
    >>> bool(abs(scores.mean() - truth) < 0.1)
    True
    """
    if isinstance(estimator, Pipeline):
        X, estimator = estimator[:-1].transform(X), estimator[-1]
    predicts = is_classifier(estimator) or is_regressor(estimator)
    score = getattr(estimator, "mutual_info" if predicts else "score", None)
    if score is None or getattr(estimator, "_doc_link_module", None) != "skmi":
        raise TypeError(
            f"estimator={type(estimator).__name__}() does not measure mutual "
            "information; pass one of skmi's estimators, encoders or bottlenecks."
        )
    return float(score(X, y))
