"""The base class of the nearest-neighbour estimators."""

import copy
import math

import numpy as np
from scipy.special import digamma

from skmi._core.params import estimator, parameter
from skmi._core.sklearn_compat import Integral, Interval, StrOptions, make_random_state
from skmi._data.marginals import BlockView
from skmi.base import Estimate, MutualInfoEstimator
from skmi.neighbors._search import Block, JointRows
from skmi.statistics import standard_error

__all__ = ["NeighborEstimator"]


@estimator
class NeighborEstimator(MutualInfoEstimator):
    """Base of the estimators that count neighbours.

    A child sets `_constant` and `_terms`; `_fit` transforms the columns, finds the
    neighbours and averages the terms.
    """

    n_neighbors: int = parameter(
        default=3, constraints=[Interval(Integral, 1, None, closed="left")]
    )
    marginals: str | None = parameter(
        default="rank", constraints=[StrOptions({"rank", "standard"}), None]
    )
    n_jobs: int | None = parameter(default=None, constraints=[Integral, None])
    random_state: int | np.random.RandomState | None = parameter(
        default=None, constraints=["random_state"]
    )

    _breaks_ties = True  # whether equal values get random ranks or noise
    _is_normalized = True

    # -- hooks of the children ---------------------------------------------------

    def _constant(self, n_samples: int) -> float:
        r"""Return the constant of the terms, :math:`\psi(N)` in the first estimator."""
        raise NotImplementedError

    def _terms(self, joint: JointRows) -> np.ndarray:
        """Return the term of each sample, whose mean is the estimate."""
        raise NotImplementedError

    # -- fit ---------------------------------------------------------------------

    def _fit(self, X, y):
        seed = make_random_state(self.random_state).randint(np.iinfo(np.int32).max)
        self._tie_seed = seed
        self._joint = self._join(*self._fit_sides(X, y))
        terms = self._terms(self._joint)
        ceiling = self._ceiling(len(X))
        if self._breaks_ties and self._has_ties:
            # New pairs are compared with the samples as they are, without the noise.
            self._joint = self._join(self._x_block(X), self._y_block(y))
        return Estimate(terms.mean(), standard_error(terms), ceiling)

    def _join(self, x: Block, y: Block) -> JointRows:
        return JointRows(x, y, self.n_jobs, self.device)

    def _ceiling(self, n_samples: int) -> float:
        """Return the largest possible estimate.

        Each sample has at least as many neighbours on a side as in the joint space,
        except where a label has fewer samples than neighbours are asked for.
        """
        if len(self._joint.groups) > 1:
            return math.inf
        return self._constant(n_samples) - digamma(self.n_neighbors)

    def _fit_sides(self, X, y) -> tuple[Block, Block]:
        """Fit the transforms of the columns; return both sides transformed."""
        if len(X) <= self.n_neighbors:
            raise ValueError(
                f"n_samples={len(X)} is too few for n_neighbors={self.n_neighbors}; "
                "there must be more rows than neighbours."
            )
        random_state = np.random.RandomState(self._tie_seed)
        marginals = self.marginals
        X, x_codes = self._split_labels(X)
        self._x_view = BlockView(X, marginals)
        x = Block(self._transform_fitted(self._x_view, X, random_state), x_codes)
        if hasattr(self, "classes_"):
            return x, self._y_block(y)
        self._y_view = BlockView(y, marginals)
        y_codes = np.zeros(len(y), dtype=int)
        return x, Block(self._transform_fitted(self._y_view, y, random_state), y_codes)

    @property
    def _has_ties(self) -> bool:
        y_view = [] if hasattr(self, "classes_") else self._y_view.views
        return any(view.has_ties for view in (*self._x_view.views, *y_view))

    def _transform_fitted(self, view, block, random_state) -> np.ndarray:
        """Transform the samples of a fit, breaking ties where the method needs it."""
        if self._breaks_ties:
            return view.apply_without_ties(block, random_state)
        return view.apply(block)

    def _split_labels(self, X) -> tuple[np.ndarray, np.ndarray]:
        """Return the continuous columns, and one code for the discrete ones."""
        return X, np.zeros(len(X), dtype=int)

    def _x_block(self, X) -> Block:
        X, codes = self._split_labels(X)
        return Block(self._x_view.apply(X), codes)

    def _y_block(self, y) -> Block:
        if hasattr(self, "classes_"):
            return Block(np.empty((len(y), 0)), y)
        return Block(self._y_view.apply(y), np.zeros(len(y), dtype=int))

    # -- new samples -------------------------------------------------------------

    def _mutual_info(self, X, y):
        """Estimate on new samples as `fit` would, with neighbours among themselves."""
        other = copy.copy(self)  # keeps the transforms fitted here
        return other._terms(other._join(*other._fit_sides(X, y))).mean()

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

    def _new_terms(self, x_codes, found, n_x, n_y) -> np.ndarray:
        """Return the terms of new pairs; 0 for labels of X that were not in `fit`.

        A new pair counts as one more sample, hence one more in each count.
        """
        n_samples = len(self._joint.columns) + 1
        inner = digamma(found) + digamma(n_samples)
        terms = inner - digamma(n_x + 1) - digamma(n_y + 1)
        return np.where(x_codes < 0, 0.0, terms)
