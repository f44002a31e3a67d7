"""Targets of a bottleneck: labels or numbers, their decoder and their information."""

import math
from typing import Any, NamedTuple, Self

import numpy as np
import torch
from sklearn.utils import compute_class_weight
from torch import nn

from skmi._data.scaling import Scaler
from skmi._data.splitting import Fold, contrast_blocks
from skmi._data.weights import weigh_influence
from skmi.bottleneck.information import contrast, log_likelihood
from skmi.bottleneck.network import LinearMeans
from skmi.critics._layers import Linear
from skmi.critics._networks import (
    CategoricalDensity,
    GaussianMixtureDensity,
    PairNetwork,
)

__all__ = ["Labels", "Numbers", "TargetInformation"]


class TargetInformation(NamedTuple):
    """Pointwise terms of the information of codes on targets, in nats."""

    likelihood: np.ndarray  # log likelihood of each target, in the units of y
    values: np.ndarray  # of a lower bound of I(Z; Y)
    influences: np.ndarray  # of each sample on the mean of the values
    ceiling: float  # the largest value that their mean could take


def log_shares(encoded: np.ndarray) -> np.ndarray:
    """Return the log shares of classes, of which none is 0."""
    counts = encoded.sum(axis=0) + 0.5
    return np.log(counts / counts.sum())


@torch.no_grad()
def set_logits(linear: nn.Module, logits: np.ndarray) -> None:
    """Let a linear layer return some logits for a code of 0."""
    linear.bias.copy_(torch.from_numpy(logits))


class Labels(NamedTuple):
    """Class labels, encoded as indicators: one column for each class."""

    classes: np.ndarray
    class_weight: Any = None
    weights: np.ndarray | None = None  # of the classes in training
    log_shares: np.ndarray | None = None  # of the weighted classes in training
    log_prior: np.ndarray | None = None  # of the classes, in all samples
    shares: np.ndarray | None = None  # the same as shares, of which some may be 0

    def encode(self, y: np.ndarray) -> np.ndarray:
        """Return the indicators of labels."""
        known = np.isin(y, self.classes)
        if not known.all():
            raise ValueError(
                f"y contains labels that were not there in fit: {y[~known]}."
            )
        return np.eye(len(self.classes))[np.searchsorted(self.classes, y)]

    def labels_of(self, encoded: np.ndarray) -> np.ndarray:
        """Return the codes of the labels, which all parts have in the same shares."""
        return encoded.argmax(axis=1)

    def fit(self, encoded: np.ndarray, fold: Fold) -> Self:
        """Compute the weights of the classes, and their shares in training.

        Weights "balanced" are by the training samples.
        """
        train = fold.train
        counted = train if self.class_weight == "balanced" else slice(None)
        labels = self.classes[encoded[counted].argmax(axis=1)]
        known = np.isin(self.classes, labels)
        weights = np.ones(len(self.classes))
        weights[known] = compute_class_weight(
            self.class_weight, classes=self.classes[known], y=labels
        )
        return self._replace(
            weights=weights,
            log_shares=log_shares(encoded[train] * weights),
            log_prior=log_shares(encoded),
            shares=encoded.mean(axis=0),
        )

    def for_training(self, encoded: np.ndarray) -> np.ndarray:
        """Return weighted indicators, so that the cross-entropy is weighted."""
        return encoded * self.weights

    def make_decoder(self, n_components: int, generator: torch.Generator) -> nn.Module:
        """Make one linear layer from codes to the logits, beginning at the shares."""
        linear = Linear(n_components, len(self.classes), (), generator)
        set_logits(linear, self.log_shares)
        return PairNetwork(linear, nn.Identity(), CategoricalDensity())

    @property
    def may_forget(self) -> bool:
        """Whether no prediction should have a larger cross-entropy than the shares."""
        return self.class_weight is None

    def forget_codes(self, decoder: nn.Module) -> None:
        """Let a decoder predict the shares of the classes for every code.

        Of all samples, tested or not: it then has no information to overstate.
        """
        nn.init.zeros_(decoder.x_tower.weight)
        set_logits(decoder.x_tower, self.log_prior)

    def predict(self, decoder: nn.Module, codes: torch.Tensor) -> torch.Tensor:
        """Return the probabilities of the classes, the mean over draws of a code."""
        return torch.softmax(decoder.x_tower(codes), -1).mean(0)

    def information(
        self,
        decoder: nn.Module,
        codes: torch.Tensor,
        encoded: np.ndarray,
        shares: np.ndarray | None = None,
    ) -> TargetInformation:
        """Compute H(Y), by the frequencies of the labels, minus the cross-entropy.

        The few test samples of a fit would leave H(Y) uncertain, so that they are
        weighted to have the `shares` of the classes in all samples, if those are given.
        The influences have one more sample, predicted as without X: a few samples that
        are all predicted well would leave an error of nearly 0.
        """
        likelihood = log_likelihood(decoder, codes, torch.from_numpy(encoded))
        own = encoded.mean(axis=0)
        shares = own if shares is None else shares
        weights = encoded @ (shares / np.where(own > 0, own, 1.0))
        surprise = -np.log(encoded @ shares)
        values = weigh_influence(surprise + likelihood, weights)
        return TargetInformation(
            weigh_influence(likelihood, weights),
            values,
            np.append(values, 0.0),
            np.average(surprise, weights=weights),
        )

    def in_units(self, outputs: np.ndarray) -> np.ndarray:
        """Return probabilities as they are."""
        return outputs


class Numbers(NamedTuple):
    """Numeric targets, encoded as columns and standardised in training."""

    n_columns: int
    is_vector: bool  # whether y had one dimension
    scaler: Scaler | None = None
    may_forget: bool = True
    shares: None = None  # of classes

    def encode(self, y: np.ndarray) -> np.ndarray:
        """Return the columns of targets."""
        if y[:1].size != self.n_columns:
            raise ValueError(
                f"y has {y[:1].size} columns, but the estimator was fitted with "
                f"{self.n_columns}."
            )
        return y.reshape(len(y), -1).astype(np.float64)

    def labels_of(self, encoded: np.ndarray) -> None:
        """Return None: the samples are split at random."""

    def fit(self, encoded: np.ndarray, fold: Fold) -> Self:
        """Learn the standardisation from the training samples."""
        return self._replace(scaler=Scaler.fit(encoded[fold.train]))

    def for_training(self, encoded: np.ndarray) -> np.ndarray:
        """Return standardised columns, so that `beta` does not depend on units."""
        return self.scaler.transform(encoded)

    def make_decoder(self, n_components: int, generator: torch.Generator) -> nn.Module:
        """Make one linear layer from codes to the means of a normal distribution."""
        linear = Linear(n_components, self.n_columns, (), generator)
        nn.init.zeros_(linear.bias)
        head = GaussianMixtureDensity(self.n_columns, 1)
        return PairNetwork(LinearMeans(linear), nn.Identity(), head)

    def forget_codes(self, decoder: nn.Module) -> None:
        """Let a decoder predict the mean and the variance of y for every code."""
        for value in decoder.parameters():
            nn.init.zeros_(value)

    def predict(self, decoder: nn.Module, codes: torch.Tensor) -> torch.Tensor:
        """Return the means of the targets, the mean over draws of a code."""
        return decoder.head.mean(decoder.x_tower(codes)).mean(0)

    def information(
        self,
        decoder: nn.Module,
        codes: torch.Tensor,
        encoded: np.ndarray,
        shares: None = None,
    ) -> TargetInformation:
        """Compute the multi-sample bound with the decoder as the critic."""
        y = torch.from_numpy(self.scaler.transform(encoded))
        likelihood = log_likelihood(decoder, codes, y) + self.scaler.log_slope(encoded)
        values, influences = contrast(decoder, codes, y)
        ceiling = math.log(len(next(contrast_blocks(len(y)))[1]))
        return TargetInformation(likelihood, values, influences, ceiling)

    def in_units(self, outputs: np.ndarray) -> np.ndarray:
        """Return means in the units of y, and in its number of dimensions."""
        means = self.scaler.inverse(outputs)
        return means[:, 0] if self.is_vector else means
