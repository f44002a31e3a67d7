"""Conditional mutual information of three blocks by nearest neighbours."""

from __future__ import annotations

import math
from typing import NamedTuple

import numpy as np
from scipy.special import digamma

from skmi._data.chance import chance_in_groups, hidden_by_noise
from skmi.exceptions import ReliabilityWarning, warn
from skmi.neighbors._drift import MORE_NEIGHBORS, SIGNIFICANT, Drift, drift_of_terms
from skmi.neighbors._reference import bias_on_normals
from skmi.neighbors._residuals import ResidualsOfSides
from skmi.neighbors._search import Block, JointRows
from skmi.neighbors._sides import Atoms, Side, atom_limits
from skmi.neighbors._terms import ball_terms, conditional_terms
from skmi.statistics import standard_error

__all__ = ["SMALL_MISSING", "ConditionalRows", "Found", "require_more_rows"]

# Up to so many columns a thousand samples have close neighbours.
FEW_COLUMNS = 3

# Copies of a value of Z, for each of its columns, from which it is an atom. The bias of
# small groups is corrected; that of groups which are joined across codes is not.
COPIES_IN_Z = 12

# From which a bias is warned of: in nats, and as a share of the estimate.
LARGE_BIAS, LARGE_SHARE = 0.1, 0.1

# The same share of what remains of the bias, by the drift with the number of
# neighbours. It comes out too small rather than too large.
LARGE_DRIFT = 0.05

# Samples of a label of Z that show the dependence within it; the share of samples of
# smaller ones from which the others do not speak for them; what is warned of, in nats.
SAMPLES_OF_A_LABEL, MOST_OF_FEW, SMALL_MISSING = 12, 0.75, 0.03

# Terms of samples that share neighbours are correlated; see `skmi.neighbors._base`.
INFLATION = 4 / 3


class Found(NamedTuple):
    """An estimate in nats, its standard error, and the influence of each sample."""

    value: float
    error: float
    terms: np.ndarray
    drift: Drift
    sampling_error: float
    missing: float  # what groups of few samples may hide


class ConditionalRows:
    """Samples of X, y and Z among which neighbours are counted.

    Parameters
    ----------
    blocks : list of three Blocks
        Columns of numbers and codes of labels of X, of y and of Z.
    marginals : {"rank", "standard"} or None
        Transform of each column.
    n_neighbors : int
    n_jobs : int or None
    n_orders : int
        Number of random orders of equal values.
    random_state : RandomState
    """

    def __init__(
        self,
        blocks: list[Block],
        marginals: str | None,
        n_neighbors: int,
        n_jobs: int | None,
        n_orders: int,
        random_state: np.random.RandomState,
    ) -> None:
        require_more_rows(len(blocks[0].codes), n_neighbors)
        self.residuals = ResidualsOfSides.fit(
            [block.columns for block in blocks[:2]], blocks[2], marginals
        )
        blocks = self._without_condition(blocks, self.residuals.columns)
        limits = atom_limits(*blocks)
        limits[2] = COPIES_IN_Z * max(blocks[2].columns.shape[1], 1)
        limit_beside_labels(blocks, limits)
        self.sides = [
            Side(block, marginals, limit)
            for block, limit in zip(blocks, limits, strict=True)
        ]
        self.n_neighbors, self.n_jobs = n_neighbors, n_jobs
        self.has_ties = any(side.has_ties for side in self.sides)
        self.n_orders = n_orders if self.has_ties else 1
        self.random_state = random_state

    def _without_condition(
        self, blocks: list[Block], columns: list[np.ndarray]
    ) -> list[Block]:
        """Put residuals in the place of the columns of X and y."""
        x, y = (Block(c, b.codes) for c, b in zip(columns, blocks[:2], strict=True))
        return [x, y, blocks[2]]

    def estimate(self) -> Found:
        """Average over orders of equal values; remove the bias of far neighbours."""
        values = []
        for _ in range(self.n_orders):
            drawn = [side.draw(self.random_state) for side in self.sides]
            terms = conditional_terms(*drawn, self.n_neighbors, self.n_jobs)
            values.append(terms.mean())
        plain = float(np.mean(values))
        self.drawn = drawn
        gain, doubt = chance_in_groups(*(side.codes for side in self.sides))
        drift = self._drift(terms)
        bias, bias_error = self._bias(plain, drift)
        if drift.bias > 0:
            drift = drift._replace(bias=max(drift.bias + min(bias, 0.0), 0.0))
        value = plain + gain - bias
        spread = np.std(values, ddof=1) if len(values) > 1 else 0.0
        sampling = math.hypot(
            INFLATION * standard_error(terms), spread / math.sqrt(len(values))
        )
        missing = math.hypot(
            self._missing(value, terms),
            self._hidden(value),
            self._below_floor(value, terms, drift),
        )
        error = math.hypot(sampling, bias_error, missing, doubt)
        if doubt > max(SMALL_MISSING, LARGE_SHARE * abs(value)):
            warn_of_doubt(value, doubt)
            missing = math.hypot(missing, doubt)
        return Found(value, error, INFLATION * terms, drift, sampling, missing)

    def _missing(self, value: float, terms: np.ndarray) -> float:
        """Return how much more there may be within labels of Z with few samples; warn.

        Samples of such a label have hardly any neighbours, so that nothing is found. It
        may be as much as for the other labels, or without these as without Z.
        """
        sizes = np.bincount(self.sides[2].codes)[self.sides[2].codes]
        few = sizes < few_samples(self.n_neighbors)
        if not few.any():
            return 0.0
        if few.mean() > MOST_OF_FEW:
            x, y, z = self.drawn
            everyone = Block(np.empty((len(few), 0)), np.zeros_like(z.codes))
            terms = conditional_terms(x, y, everyone, self.n_neighbors, self.n_jobs)
            possible = float(terms.mean())
        else:
            possible = float(terms[~few].mean())
        missing = max(few.mean() * (possible - value), 0.0)
        if missing > max(SMALL_MISSING, LARGE_SHARE * abs(value)) or few.all():
            warn(
                f"{few.mean():.0%} of the samples have a label of Z with fewer than "
                f"{few_samples(self.n_neighbors)} samples, among which hardly any "
                f"dependence is found: there may be {missing:.2f} nats more, or any "
                "dependence that shows given Z alone. Merge rare labels, or drop "
                "identifiers.",
                ReliabilityWarning,
            )
        return missing

    def _hidden(self, value: float) -> float:
        """Return what the noise of regressions on Z hides or adds; warn.

        The share that they miss of Z is noise of X and of y, which hides a part of
        their dependence; what they share of it looks like dependence.
        """
        missed = self.residuals.missed
        n_pairs = min(side.columns.shape[1] for side in self.sides[:2])
        if not any(missed) or not n_pairs:
            return 0.0
        hidden = hidden_by_noise(value, missed, n_pairs)
        hidden = max(hidden, 0.5 * math.prod(missed))
        if hidden > max(LARGE_BIAS, LARGE_SHARE * abs(value)):
            warn(
                "Z explains so much of X or y, by functions so fine, that their "
                f"regressions on Z leave a part of it: {value:.2f} nats may be off by "
                f"{hidden:.2f}, which the standard error contains. Pass more samples.",
                ReliabilityWarning,
            )
        return hidden

    def _below_floor(self, value: float, terms: np.ndarray, drift: Drift) -> float:
        r"""Return by how much neighbours without Z find more than given it; warn.

        .. math:: I(X; Y \mid Z) \ge I(X; Y) - \min(I(X; Z), I(Y; Z))

        Regressions leave little of the last term, and the others have a column less, so
        that edges, as of uniform noise, are sharper than beside Z.
        """
        x, y, z = self.drawn
        if not (x.columns.shape[1] and y.columns.shape[1] and z.columns.shape[1]):
            return 0.0
        plain, *with_z = (
            ball_terms(JointRows(*pair, self.n_jobs), self.n_neighbors)[0]
            for pair in ((x, y), (x, z), (y, z))
        )
        floor = plain - np.maximum(min(with_z, key=np.mean).mean(), 0.0)
        gap = float(floor.mean()) - value
        error = INFLATION * standard_error(plain - terms)
        # Together with a drift that is half as significant, that is no chance either.
        drifts = drift.bias > SIGNIFICANT / 2 * drift.error
        least = SIGNIFICANT * error / (2 if drifts else 1)
        if gap <= max(least, SMALL_MISSING):
            return 0.0
        warn(
            f"Without Z neighbours find {gap:.2f} nats more than the {value:.2f} given "
            "it, which Z does not explain: edges are blurred, and the standard error "
            "contains it. Pass more samples, or use skmi.AutoMI.",
            ReliabilityWarning,
        )
        return gap

    def _drift(self, terms: np.ndarray) -> Drift:
        """Return the bias that more neighbours indicate."""
        many = conditional_terms(
            *self.drawn, MORE_NEIGHBORS * self.n_neighbors, self.n_jobs
        )
        n_columns = sum(block.columns.shape[1] for block in self.drawn)
        return drift_of_terms(terms, many, n_columns)

    def _bias(self, estimate: float, drift: Drift) -> tuple[float, float]:
        """Return the bias to subtract, and its standard error; warn where it is large.

        What remains of a bias that is not that of normal samples is unknown: a third
        of what is subtracted is taken for its error, with what the drift with the
        number of neighbours shows of it.
        """
        n_columns = sum(block.columns.shape[1] for block in self.drawn)
        bias = self._bias_on_normals()
        warn_of_bias(estimate, bias, drift, n_columns)
        if math.isnan(bias):
            return 0.0, max(drift.bias, 0.0)
        remaining = max(drift.bias + min(bias, 0.0), 0.0)
        return bias, math.hypot(bias / 3, remaining)

    def _bias_on_normals(self) -> float:
        """Return the bias on normal samples with the correlations of these.

        It is NaN where it is unknown.
        """
        columns, codes = zip(*self.drawn, strict=True)
        if not (columns[0].shape[1] and columns[1].shape[1]):
            return 0.0
        if any(np.ptp(code) for code in codes[:2]):
            return math.nan

        def estimate_normals(drawn):
            normals = (Block(*pair) for pair in zip(drawn, codes, strict=True))
            terms = conditional_terms(*normals, self.n_neighbors, self.n_jobs)
            return float(terms.mean())

        return bias_on_normals(list(columns), codes[2], estimate_normals)

    def pointwise(self, blocks: list[Block]) -> np.ndarray:
        r"""Return the terms of new samples; 0 for labels that were not in the fit.

        .. math:: \psi(k) - \psi(n_{xz} + 1) - \psi(n_{yz} + 1) + \psi(n_z + 1)

        A new sample counts as one more in each count.
        """
        sides = [block.columns for block in blocks[:2]]
        columns = self.residuals.apply(sides, blocks[2])
        blocks = self._without_condition(blocks, columns)
        new = [
            side.block(block) for side, block in zip(self.sides, blocks, strict=True)
        ]
        n_codes = int(self.drawn[2].codes.max()) + 1
        x, y, z = self.drawn
        xz, yz = with_condition(x, z, n_codes), with_condition(y, z, n_codes)
        new_xz = with_condition(new[0], new[2], n_codes)
        new_yz = with_condition(new[1], new[2], n_codes)
        joint = JointRows(xz, y, self.n_jobs)
        radius, found = joint.new_radius(new_xz, new[1], self.n_neighbors)
        n_xz, n_yz = xz.count(new_xz, radius), yz.count(new_yz, radius)
        n_z = z.count(new[2], radius)
        terms = digamma(found) - digamma(n_xz + 1) - digamma(n_yz + 1)
        terms += digamma(n_z + 1)
        unknown = np.min([block.codes for block in new], axis=0) < 0
        return np.where(unknown, 0.0, terms)


def limit_beside_labels(blocks: list[Block], limits: list[float]) -> None:
    """Set from how many copies on values are atoms where all else are labels.

    Neighbours in x would be searched within each label of y and z. Values with a sample
    for each label of z are too few for that: of three to eight of them up to half of
    the information was missed.
    """
    x, y, z = blocks
    n_x, n_y = x.columns.shape[1], y.columns.shape[1]
    atoms, is_atom = Atoms(z.columns, z.codes, limits[2]).split(*z)
    if bool(n_x) == bool(n_y) or not is_atom.all():
        return
    shares = np.bincount(atoms) / len(atoms)
    limit = max(COPIES_IN_Z, 1 / (shares**2).sum())
    limits[0 if n_x else 1] = limit * max(n_x, n_y)


def warn_of_doubt(value: float, doubt: float) -> None:
    """Warn that labels of Z have few samples for the labels of X and y."""
    warn(
        "The labels of Z have few samples for the number of values of X and y: "
        f"{value:.2f} nats may be off by {doubt:.2f}, which the standard error "
        "contains. Merge rare labels, or pass more samples.",
        ReliabilityWarning,
    )


def few_samples(n_neighbors: int) -> int:
    """Return below how many samples a label of Z shows little of the dependence."""
    return max(SAMPLES_OF_A_LABEL, 4 * n_neighbors)


def warn_of_bias(estimate: float, bias: float, drift: Drift, n_columns: int) -> None:
    """Warn where the bias is unknown, or large, or where a part of it remains.

    Where it is large on normal samples, that of other distributions may be larger.
    """
    unknown = math.isnan(bias)
    value = estimate if unknown else estimate - bias
    remaining = drift.bias + (0.0 if unknown else min(bias, 0.0))
    far_apart = f"Neighbours are far apart in {n_columns} columns"
    if unknown and n_columns > FEW_COLUMNS:
        warn(
            f"{far_apart}. The bias is unknown for labels in X or Y, for linear "
            "relations, and for fewer than ten samples for each column: the "
            f"conditional mutual information may be larger than {estimate:.2f} nats. "
            "Pass fewer columns or more samples.",
            ReliabilityWarning,
        )
    elif abs(bias) > max(LARGE_BIAS, LARGE_SHARE * abs(value)):
        warn(
            f"{far_apart}: on normal samples of the same correlations the estimate is "
            f"off by {bias:+.2f} nats, which was subtracted from {estimate:.2f}. Where "
            "the dependence is not normal, what remains may be as large. Pass fewer "
            "columns or more samples.",
            ReliabilityWarning,
        )
    elif remaining > max(2 * drift.error, LARGE_BIAS, LARGE_DRIFT * abs(value)):
        warn(
            f"{far_apart} for this dependence: with {MORE_NEIGHBORS} times as many of "
            "them less of it is found. The conditional mutual information is probably "
            f"larger than {value:.2f} by {remaining:.2f} nats or more. Pass fewer "
            "columns or more samples.",
            ReliabilityWarning,
        )


def with_condition(block: Block, condition: Block, n_codes: int) -> Block:
    """Put a block and the condition side by side, their codes as one."""
    codes = block.codes * n_codes + condition.codes
    codes[(block.codes < 0) | (condition.codes < 0)] = -1
    return Block(np.hstack([block.columns, condition.columns]), codes)


def require_more_rows(n_samples: int, n_neighbors: int) -> None:
    """Raise where there are not more samples than neighbours."""
    if n_samples <= n_neighbors:
        raise ValueError(
            f"n_samples={n_samples} is too few for n_neighbors={n_neighbors}; pass "
            "more samples than neighbours."
        )
