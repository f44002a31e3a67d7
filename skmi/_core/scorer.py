"""The scorer of searches, and of callbacks that monitor training."""

from __future__ import annotations

import copy
from typing import Any, Self

from numpy.typing import ArrayLike
from sklearn.base import is_classifier, is_regressor
from sklearn.pipeline import Pipeline
from sklearn.utils.metadata_routing import MetadataRequest

__all__ = ["InformationScorer", "mi_scorer"]


class InformationScorer:
    r"""The mutual information that a fitted estimator finds, in nats, as a scorer.

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
    Z : array-like of shape (n_samples,) or (n_samples, n_conditions), default=None
        Conditioning variable, if the estimator was fitted with one. By metadata routing
        it comes without a request.
    sample_weight : array-like of shape (n_samples,), default=None
        Weights of the samples, by metadata routing on request.

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

    def __init__(self) -> None:
        self._requests = MetadataRequest(owner="mi_scorer")
        self._requests.score.add_request(param="Z", alias=True)
        self._requests.score.add_request(param="sample_weight", alias=None)

    def __repr__(self) -> str:
        return "mi_scorer"

    def __call__(
        self,
        estimator: Any,
        X: ArrayLike,
        y: ArrayLike | None = None,
        Z: ArrayLike | None = None,
        sample_weight: ArrayLike | None = None,
    ) -> float:
        """Return the mutual information on test samples, in nats."""
        if isinstance(estimator, Pipeline):
            X, estimator = estimator[:-1].transform(X), estimator[-1]
        predicts = is_classifier(estimator) or is_regressor(estimator)
        score = getattr(estimator, "mutual_info" if predicts else "score", None)
        if score is None or getattr(estimator, "_doc_link_module", None) != "skmi":
            raise TypeError(
                f"estimator={type(estimator).__name__}() does not measure mutual "
                "information; pass one of skmi's estimators, encoders or bottlenecks."
            )
        given = {"Z": Z, "sample_weight": sample_weight}
        given = {name: value for name, value in given.items() if value is not None}
        return float(score(X, y, **given))

    def set_score_request(self, **requests: bool | str | None) -> Self:
        """Return a scorer that other metadata are routed to.

        Parameters
        ----------
        **requests : bool, str or None
            For `Z` and `sample_weight`, whether they are passed on, or under which name
            they come.

        Returns
        -------
        InformationScorer
            A copy.
        """
        other = copy.deepcopy(self)
        for name, alias in requests.items():
            if name not in other._requests.score.requests:
                raise TypeError(f"{name} is not taken; pass Z or sample_weight.")
            other._requests.score.add_request(param=name, alias=alias)
        return other

    def get_metadata_routing(self) -> MetadataRequest:
        """Return which metadata are passed on by metadata routing."""
        return self._requests


mi_scorer = InformationScorer()
