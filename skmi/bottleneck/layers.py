"""The information plane of the layers of a network that was trained elsewhere."""

from collections.abc import Mapping, Sequence
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import ArrayLike
from scipy.spatial.distance import cdist
from sklearn.base import clone

from skmi._core.sklearn_compat import make_random_state
from skmi._data.reading import read_numbers
from skmi.variational import TNCE, LeaveOneOutBound

__all__ = ["LayerPlane", "measure_layers"]


class LayerPlane(NamedTuple):
    """Information of noisy layers about the input and the target, by epoch.

    All in nats. Columns are layers, rows epochs.

    Parameters
    ----------
    names : tuple of str
        Names of the layers.
    rate : ndarray of shape (n_epochs, n_layers)
        Lower bound of I(Z; X), at most the logarithm of the number of samples.
    rate_standard_error : ndarray of shape (n_epochs, n_layers)
        Its standard error.
    rate_upper : ndarray of shape (n_epochs, n_layers)
        Upper bound of I(Z; X).
    mutual_info : ndarray of shape (n_epochs, n_layers)
        I(Z; y), of the estimator.
    standard_error : ndarray of shape (n_epochs, n_layers)
        Its standard error.
    ceiling : ndarray of shape (n_epochs, n_layers)
        The largest value that `mutual_info` could have taken.

    Notes
    -----
    The noise is what makes the information about the input finite: that of a layer
    without noise is infinite, or the entropy of the samples. Both bounds of the rate
    are limited by the number of samples.

    Examples
    --------
    >>> import numpy as np
    >>> from skmi.bottleneck import LayerPlane
    >>> LayerPlane(("first",), *np.zeros((6, 1, 1))).names
    ('first',)
    """

    names: tuple[str, ...]
    rate: np.ndarray
    rate_standard_error: np.ndarray
    rate_upper: np.ndarray
    mutual_info: np.ndarray
    standard_error: np.ndarray
    ceiling: np.ndarray


def measure_layers(
    layers: Sequence[Any] | Mapping[str, Any],
    y: ArrayLike,
    *,
    noise: float,
    estimator: Any,
    random_state: Any,
) -> LayerPlane:
    """Measure Z = layer + noise against the input and against y."""
    if not noise > 0:
        raise ValueError(f"noise must be above 0, got {noise}.")
    random_state = make_random_state(random_state)
    epochs = [by_name(epoch) for epoch in as_epochs(layers)]
    names = tuple(epochs[0])
    if any(tuple(epoch) != names for epoch in epochs):
        raise ValueError("layers must hold the same layers in each epoch.")
    values = [
        [measure_layer(epoch[n], n, y, noise, estimator, random_state) for n in names]
        for epoch in epochs
    ]
    return LayerPlane(names, *np.moveaxis(values, -1, 0))


def as_epochs(layers: Sequence[Any] | Mapping[str, Any]) -> Sequence[Any]:
    """Return a sequence of epochs, of one if `layers` holds those of one."""
    if not isinstance(layers, Mapping | list | tuple) or not layers:
        raise TypeError(
            "layers must be a list of arrays, a dict of name and array, or a list of "
            f"these, one for each epoch; got {type(layers).__name__}."
        )
    first = None if isinstance(layers, Mapping) else layers[0]
    return layers if isinstance(first, Mapping | list | tuple) else [layers]


def by_name(epoch: Sequence[Any] | Mapping[str, Any]) -> dict[str, np.ndarray]:
    """Return the layers of an epoch by their names, flattened to two dimensions."""
    if not isinstance(epoch, Mapping):
        epoch = {f"layer {k + 1}": layer for k, layer in enumerate(epoch)}
    return {str(name): flat(layer, name) for name, layer in epoch.items()}


def flat(layer: Any, name: Any) -> np.ndarray:
    """Return activations (n_samples, n_units), of all channels and places."""
    shape = getattr(layer, "shape", ())
    if len(shape) > 2:
        layer = layer.reshape(shape[0], -1)
    values = np.asarray(read_numbers(layer, f"layers[{name!r}]", "from_layers"), float)
    return values.reshape(len(values), -1)


def measure_layer(
    layer: np.ndarray,
    name: str,
    y: ArrayLike,
    noise: float,
    estimator: Any,
    random_state: np.random.RandomState,
) -> tuple[float, ...]:
    """Return the fields of `LayerPlane` for one layer."""
    if not np.isfinite(layer).all():
        raise ValueError(f"layers[{name!r}] has NaN or infinite activations.")
    scale = noise * (np.sqrt(layer.var(axis=0).mean()) or 1.0)
    codes = layer + scale * random_state.standard_normal(layer.shape)

    def log_density(mean: np.ndarray, code: np.ndarray) -> np.ndarray:
        return cdist(mean, code, "sqeuclidean") / (-2 * scale**2)

    lower, upper = (
        bound(conditional=log_density).fit(layer, codes)
        for bound in (TNCE, LeaveOneOutBound)
    )
    told = clone(estimator).fit(codes, y)
    return (
        lower.mutual_info_,
        lower.standard_error_,
        upper.mutual_info_,
        told.mutual_info_,
        told.standard_error_,
        told.ceiling_,
    )
