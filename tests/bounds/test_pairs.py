"""Several positives, rectangular scores, masks and pairs without rows."""

import math

import numpy as np
import pytest
import torch
from scipy.special import logsumexp

from skmi import bounds

MASKED = [
    bounds.info_nce,
    bounds.nwj,
    bounds.donsker_varadhan,
    bounds.jensen_shannon,
]
EXPECTATIONS = [
    bounds.donsker_varadhan,
    bounds.jensen_shannon,
    bounds.log_partition,
    bounds.mine,
    bounds.nwj,
    bounds.smile,
    bounds.tuba,
]
CONTRASTS = [
    bounds.club,
    bounds.info_nce,
    bounds.leave_one_out_bound,
    bounds.tnce,
    lambda scores: bounds.interpolated_bound(scores, 0.5),
]


def draw(*shape, seed=0):
    generator = torch.Generator().manual_seed(seed)
    return torch.randn(*shape, generator=generator, dtype=torch.float64)


def eye(n_rows, n_columns=None):
    return torch.eye(n_rows, n_columns or n_rows, dtype=torch.bool)


def softplus(values):
    return np.logaddexp(0, values)


def by_definition(name, joint, marginal):
    """Compute a bound of all joint scores and all marginal scores by its equation."""
    joint, marginal = np.ravel(joint), np.ravel(marginal)
    log_mean = logsumexp(marginal) - math.log(marginal.size)
    return {
        "donsker_varadhan": joint.mean() - log_mean,
        "jensen_shannon": -softplus(-joint).mean() - softplus(marginal).mean(),
        "log_partition": log_mean,
        "mine": joint.mean() - 1,
        "nwj": joint.mean() - math.exp(log_mean - 1),
        "smile": joint.mean()
        - logsumexp(np.clip(marginal, -5, 5))
        + math.log(marginal.size),
        "tuba": 1 + joint.mean() - math.exp(log_mean),
    }[name]


def info_nce_by_loops(scores, positives, negatives):
    terms = []
    for row, is_joint, is_other in zip(scores, positives, negatives, strict=True):
        compared = row[is_joint | is_other]
        if not is_joint.any():
            continue
        terms += list(row[is_joint] - logsumexp(compared) + math.log(compared.size))
    return np.mean(terms)


def name_of(bound):
    return bound.__name__


@pytest.mark.parametrize("bound", MASKED, ids=name_of)
@pytest.mark.parametrize("leading", [(), (3,), (2, 3)])
def test_the_diagonal_as_a_mask_changes_nothing(bound, leading):
    scores = draw(*leading, 7, 7)
    torch.testing.assert_close(bound(scores, positives=eye(7)), bound(scores))


@pytest.mark.parametrize("bound", MASKED, ids=name_of)
@pytest.mark.parametrize("shape", [(6, 9), (9, 4), (1, 5), (5, 1)])
def test_masks_by_definition(bound, shape):
    scores = draw(2, *shape, seed=1)
    kinds = torch.randint(3, shape, generator=torch.Generator().manual_seed(2))
    kinds.view(-1)[:2] = torch.tensor([0, 1])  # at least one pair of each kind
    positives, negatives = kinds == 0, kinds == 1  # 2: ignored
    values = bound(scores, positives=positives, negatives=negatives)
    for model, value in zip(scores.numpy(), values, strict=True):
        if bound is bounds.info_nce:
            expected = info_nce_by_loops(model, positives.numpy(), negatives.numpy())
        else:
            expected = by_definition(bound.__name__, model[positives], model[negatives])
        assert value.item() == pytest.approx(expected, rel=1e-12, abs=1e-12)


@pytest.mark.parametrize("bound", MASKED, ids=name_of)
def test_gradients_stay_finite_and_leave_ignored_pairs_alone(bound):
    scores = (100 * draw(5, 6)).requires_grad_()
    positives = torch.zeros(5, 6, dtype=torch.bool)
    positives[0, :3] = True  # rows 1 to 3 have negatives alone, row 4 has no pair
    negatives = ~positives
    negatives[4] = False
    shrink = 100 if bound is bounds.nwj else 1  # whose exponential overflows by design
    bound(scores / shrink, positives=positives, negatives=negatives).backward()
    assert torch.isfinite(scores.grad).all()
    assert (scores.grad[4] == 0).all()
    assert scores.grad[0, :3].abs().sum() > 0


@pytest.mark.parametrize("bound", MASKED, ids=name_of)
def test_samples_of_equal_labels(bound):
    """I = log 4 for two samples of one of four labels, by the exact log ratio."""
    labels = torch.arange(400) % 4
    same = labels[:, None] == labels
    ratio = torch.where(same, math.log(4), -30.0).double()
    others = ~eye(400)
    offset = 1 if bound is bounds.nwj else 0
    value = bound(ratio + offset, positives=same & others, negatives=others)
    if bound is bounds.jensen_shannon:  # 2 JSD - 2 log 2 of P and Q = P/4 + rest
        expected = -math.log(1 + 1 / 4) - math.log(1 + 4) / 4
    else:
        expected = math.log(4)
    assert value.item() == pytest.approx(expected, abs=0.02)


@pytest.mark.parametrize("bound", MASKED[:3], ids=name_of)
def test_a_queue_of_other_keys_gives_the_truth(bound):
    """Normal pairs of correlation .8, 300 queries against 900 keys, theirs included."""
    rho = 0.8
    x, y = draw(300, seed=5), draw(900, seed=6)
    y[:300] = rho * x + math.sqrt(1 - rho**2) * y[:300]
    squares = rho**2 * (x[:, None] ** 2 + y**2) - 2 * rho * x[:, None] * y
    truth = -0.5 * math.log(1 - rho**2)
    ratio = truth - squares / (2 * (1 - rho**2))
    offset = 1 if bound is bounds.nwj else 0
    value = bound(ratio + offset, positives=eye(300, 900))
    error = ratio.diagonal().std().item() / math.sqrt(300)
    assert value.item() == pytest.approx(truth, abs=3 * error)


@pytest.mark.parametrize("bound", EXPECTATIONS, ids=name_of)
@pytest.mark.parametrize("form", ["flat", "columns", "one row", "list"])
def test_pairs_without_rows(bound, form):
    joint, marginal = draw(8, seed=3), draw(20, seed=4)
    expected = by_definition(bound.__name__, joint.numpy(), marginal.numpy())
    pair = {
        "flat": (joint, marginal),
        "columns": (joint[:, None], marginal[:, None]),
        "one row": (joint, marginal[None]),
        "list": [joint, marginal],
    }[form]
    value = bound(pair)
    assert value.shape == ()
    assert value.item() == pytest.approx(expected, rel=1e-12)


@pytest.mark.parametrize("bound", EXPECTATIONS, ids=name_of)
def test_pairs_without_rows_of_several_models(bound):
    joint, marginal = draw(3, 8, seed=3), draw(3, 20, seed=4)
    expected = [bound(pair) for pair in zip(joint, marginal, strict=True)]
    torch.testing.assert_close(bound((joint, marginal)), torch.stack(expected))


@pytest.mark.parametrize("bound", EXPECTATIONS + CONTRASTS)
def test_a_column_of_positives_beside_rows_of_negatives(bound):
    joint, marginal = draw(8, seed=3), draw(8, 5, seed=4)
    torch.testing.assert_close(
        bound((joint[:, None], marginal)), bound((joint, marginal))
    )


@pytest.mark.parametrize("bound", CONTRASTS)
@pytest.mark.parametrize("shapes", [((8,), (20,)), ((8, 1), (20, 1)), ((8,), (1, 20))])
def test_a_contrast_needs_negatives_of_its_own(bound, shapes):
    with pytest.raises(ValueError, match=r"\(\.\.\., n, k\)"):
        bound(tuple(draw(*shape) for shape in shapes))


@pytest.mark.parametrize("bound", EXPECTATIONS + CONTRASTS)
@pytest.mark.parametrize(
    "shapes", [((8,), (7, 3)), ((2, 8), (3, 20)), ((), (5,)), ((8,), (0,))]
)
def test_pairs_that_do_not_match_are_refused(bound, shapes):
    with pytest.raises(ValueError, match="joint, marginal"):
        bound(tuple(torch.zeros(shape) for shape in shapes))


def test_a_baseline_needs_rows():
    with pytest.raises(ValueError, match="baseline"):
        bounds.tuba((draw(8), draw(20)), draw(8))


@pytest.mark.parametrize("bound", EXPECTATIONS + CONTRASTS)
def test_three_parts_or_arrays_are_refused(bound):
    with pytest.raises(ValueError, match="a pair, not 3 parts"):
        bound((draw(3), draw(3), draw(3)))
    with pytest.raises(TypeError, match=r"torch\.as_tensor"):
        bound((np.zeros(3), np.zeros((3, 2))))


@pytest.mark.parametrize("bound", MASKED, ids=name_of)
@pytest.mark.parametrize(
    ("masks", "error", "match"),
    [
        ({"positives": torch.ones(4, 5)}, TypeError, "boolean"),
        ({"positives": np.ones((4, 5), dtype=bool)}, TypeError, "boolean"),
        ({"positives": eye(4)}, ValueError, "shape of the score matrix"),
        ({"positives": torch.ones(4, 5, dtype=torch.bool)}, ValueError, "negatives is"),
        ({"positives": torch.zeros(4, 5, dtype=torch.bool)}, ValueError, "positives"),
        ({"negatives": torch.zeros(4, 5, dtype=torch.bool)}, ValueError, "negatives"),
    ],
)
def test_masks_that_fit_nothing_are_refused(bound, masks, error, match):
    with pytest.raises(error, match=match):
        bound(draw(4, 5), **masks)


@pytest.mark.parametrize("bound", MASKED, ids=name_of)
def test_rectangular_scores_say_what_is_missing(bound):
    with pytest.raises(ValueError, match="positives="):
        bound(draw(4, 5))


@pytest.mark.parametrize("scale", [0.0, 0.5, 1.0, 3.0, 50.0])
@pytest.mark.parametrize("is_square", [True, False])
def test_several_positives_bound_the_entropy_of_two_classes(scale, is_square):
    """X and y of the same class share log 2 nats, and no bound may exceed it."""
    labels = torch.arange(2).repeat(8)
    columns = labels if is_square else torch.arange(2)
    same = labels[:, None] == columns[None]
    scores = scale * same
    for bound in (bounds.donsker_varadhan, bounds.nwj, bounds.info_nce):
        assert bound(scores, positives=same) <= math.log(2) + 1e-6
    # The Jensen-Shannon divergence of both classes and all pairs is .75 log(4 / 3).
    divergence = bounds.jensen_shannon(scores, positives=same) / 2 + math.log(2)
    assert divergence <= 0.75 * math.log(4 / 3) + 1e-6


def test_several_positives_reach_the_entropy_of_two_classes():
    labels = torch.arange(2).repeat(8)
    same = labels[:, None] == labels[None]
    ratio = torch.where(same, math.log(2), -50.0)
    for scores, bound in ((ratio, bounds.donsker_varadhan), (1 + ratio, bounds.nwj)):
        value = bound(scores, positives=same)
        assert value.item() == pytest.approx(math.log(2), abs=1e-5)
