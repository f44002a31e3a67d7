r"""Variational bounds of mutual information as pure functions of critic scores.

Every bound takes ``scores`` of shape (..., n, n) with ``scores[..., i, j] =``
:math:`f(x_i, y_j)`: rows are x, columns are y. The diagonal are scores of samples of
the joint distribution P = p(x, y), the rest, the negative samples, those of the product
Q = p(x)p(y). Leading dimensions are independent models. Where only a few negative
samples are scored, pass the pair ``(joint, marginal)`` of shapes (..., n) and
(..., n, k): one row for each x or, for the bounds that average over x at fixed y, one
row for each y. Averages over P and Q need no rows: there, shapes (..., n) and (..., m)
do, and columns (n, 1) and (m, 1). Results are in nats, one for each model.

`info_nce`, `nwj`, `donsker_varadhan` and `jensen_shannon` also take scores of shape
(..., n, m) with boolean masks (n, m): ``positives=`` for the pairs of P, ``negatives=``
for those of Q, by default all others. Where samples of equal labels are the positives,
independent pairs have equal labels too, by chance: pass all pairs of different samples
as negatives (``~torch.eye(n, dtype=bool)``). Without those of equal labels the value is
no estimate of mutual information, and has no upper limit.
"""

from skmi.bounds.conditional import (
    barber_agakov,
    club,
    leave_one_out_bound,
    rate,
    tnce,
    unnormalized_barber_agakov,
)
from skmi.bounds.contrastive import info_nce, interpolated_bound
from skmi.bounds.pairs import log_mean_exp, split_pairs
from skmi.bounds.ratio import (
    donsker_varadhan,
    drift_penalty,
    jensen_shannon,
    log_partition,
    mine,
    nwj,
    smile,
    tuba,
)

__all__ = [
    "barber_agakov",
    "club",
    "donsker_varadhan",
    "drift_penalty",
    "info_nce",
    "interpolated_bound",
    "jensen_shannon",
    "leave_one_out_bound",
    "log_mean_exp",
    "log_partition",
    "mine",
    "nwj",
    "rate",
    "smile",
    "split_pairs",
    "tnce",
    "tuba",
    "unnormalized_barber_agakov",
]
