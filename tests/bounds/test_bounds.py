import inspect
import math
from functools import partial

import numpy as np
import pytest
import torch
from torch.utils._python_dispatch import TorchDispatchMode

from skmi import bounds
from tests.oracle import Oracle, OracleConditional, draw_normal

S = torch.tensor([[2, -1, 0.5], [0, 1.5, -0.5], [-1, 0.3, 3]], dtype=torch.float64)
B = torch.tensor([0.2, -0.1, 0.4], dtype=torch.float64)
LOG_TWO = torch.tensor(math.log(2), dtype=torch.float64)
ZERO = torch.tensor(0.0, dtype=torch.float64)
# The tables below take every new bound. This one: each as a function of a score matrix
# alone.
BOUNDS = {
    "donsker_varadhan": bounds.donsker_varadhan,
    "mine": partial(bounds.mine, log_average=LOG_TWO),
    "nwj": bounds.nwj,
    "tuba": bounds.tuba,
    "info_nce": bounds.info_nce,
    "tnce": bounds.tnce,
    "jensen_shannon": bounds.jensen_shannon,
    "interpolated_bound": partial(bounds.interpolated_bound, interpolation=0.3),
    "smile": partial(bounds.smile, clip=0.5),
    "club": bounds.club,
    "leave_one_out_bound": bounds.leave_one_out_bound,
    "log_partition": bounds.log_partition,
}
OVER_X = {"tuba", "tnce", "interpolated_bound", "leave_one_out_bound"}
# Values computed by hand from the definitions, independently of the code.
GOLDEN = [
    ("log_partition", (S,), -0.116371),
    ("donsker_varadhan", (S,), 2.283038),
    ("nwj", (S,), 1.839201),
    ("nwj", (1 + S,), 2.276522),
    ("tuba", (S,), 2.276522),
    ("tuba", (S, B), 2.244990),
    ("info_nce", (S,), 0.888703),
    ("info_nce", (S.mT,), 0.898373),
    ("tnce", (S,), 0.898373),
    ("jensen_shannon", (S,), -0.729340),
    ("smile", (S, 0.5), 2.197440),
    ("smile", (S, 1.0), 2.283038),
    ("interpolated_bound", (S, 0.01, B), 2.209585),
    ("interpolated_bound", (S, 0.1, B), 1.941106),
    ("interpolated_bound", (S, 0.5, B), 1.200956),
    ("interpolated_bound", (S, 1.0, B), 0.588759),
    ("leave_one_out_bound", (S,), 2.303970),
    ("club", (S,), 1.633333),
    ("mine", (S, torch.tensor(0.636055)), 1.695445),
]
# Estimates, by settings under which the exact critic gives the mutual information.
ESTIMATES = {
    "donsker_varadhan": bounds.donsker_varadhan,
    "nwj": lambda scores: bounds.nwj(1 + scores),
    "tuba": bounds.tuba,
    "info_nce": bounds.info_nce,
    "tnce": bounds.tnce,
    "interpolated_bound": partial(bounds.interpolated_bound, interpolation=0.5),
    "smile": partial(bounds.smile, clip=5.0),
    "leave_one_out_bound": bounds.leave_one_out_bound,
}
# Objectives that are no estimates: the log density ratio maximises them.
OBJECTIVES = {
    "jensen_shannon": bounds.jensen_shannon,
    "mine": partial(bounds.mine, log_average=ZERO),
}
OF_LOG_DENSITIES = {"tnce", "leave_one_out_bound"}  # whose critic is log p(y|x)
# Public functions that are not bounds of scores; each has tests of its own.
OTHERS = {
    "barber_agakov",
    "drift_penalty",
    "log_mean_exp",
    "rate",
    "split_pairs",
    "unnormalized_barber_agakov",
}


@pytest.mark.parametrize(
    "module", [bounds.conditional, bounds.contrastive, bounds.ratio]
)
def test_the_package_exports_every_bound(module):
    for name, item in inspect.getmembers(module, inspect.isfunction):
        if item.__module__ == module.__name__ and not name.startswith("_"):
            assert name in bounds.__all__, f"Add {name} to skmi/bounds/__init__.py."
            assert name in module.__all__, (
                f"Add {name} to __all__ of {item.__module__}."
            )


@pytest.mark.parametrize("name", sorted(set(bounds.__all__) - OTHERS))
def test_every_bound_is_in_the_tables(name):
    assert name in BOUNDS, f"Add {name} to BOUNDS."
    by_hand = {golden for golden, _, _ in GOLDEN}
    assert name in by_hand, f"Add a value of {name} found by hand to GOLDEN."
    exact = {*ESTIMATES, *OBJECTIVES, "club", "log_partition"}
    assert name in exact, (
        f"Add {name} to ESTIMATES, if the exact critic gives the mutual information, "
        "or to OBJECTIVES."
    )


def random_scores(*shape, seed=0, scale=1.0):
    generator = torch.Generator().manual_seed(seed)
    return scale * torch.randn(*shape, generator=generator, dtype=torch.float64)


each = pytest.mark.parametrize("name", BOUNDS)


@pytest.mark.parametrize(("name", "arguments", "expected"), GOLDEN)
def test_golden_value(name, arguments, expected):
    value = float(getattr(bounds, name)(*arguments))
    assert value == pytest.approx(expected, abs=1e-6)


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("donsker_varadhan", 0.0),
        ("nwj", 0.7 - math.exp(-0.3)),
        ("tuba", 1.7 - math.exp(0.7)),
        ("mine", 0.7 - math.exp(0.7) / 2),
        ("info_nce", 0.0),
        ("tnce", 0.0),
        ("smile", 0.2),
        ("club", 0.0),
        ("leave_one_out_bound", 0.0),
        ("log_partition", 0.7),
        ("jensen_shannon", 0.7 - 2 * math.log(1 + math.exp(0.7))),
    ],
)
def test_constant_scores(name, value):
    scores = torch.full((5, 5), 0.7, dtype=torch.float64)
    assert float(BOUNDS[name](scores)) == pytest.approx(value, abs=1e-12)


@each
def test_rows_may_be_permuted(name):
    scores = random_scores(9, 9)
    order = torch.randperm(9, generator=torch.Generator().manual_seed(1))
    torch.testing.assert_close(
        BOUNDS[name](scores[order][:, order]), BOUNDS[name](scores)
    )


@pytest.mark.parametrize("seed", range(5))
def test_identities(seed):
    scores = random_scores(12, 12, seed=seed, scale=3.0)
    values = {name: float(bound(scores)) for name, bound in BOUNDS.items()}
    dv, nce = values["donsker_varadhan"], values["info_nce"]
    assert float(bounds.donsker_varadhan(scores + 4.2)) == pytest.approx(dv)
    row, column = random_scores(12, 1, seed=seed + 100), random_scores(1, 12, seed=7)
    assert float(bounds.info_nce(scores + row)) == pytest.approx(nce)
    for name in ("tnce", "leave_one_out_bound"):
        assert float(BOUNDS[name](scores + column)) == pytest.approx(values[name])
    assert values["nwj"] <= dv + 1e-12
    assert values["tuba"] <= dv + 1e-12
    assert nce <= math.log(12)
    # The partner in the mean or not: a lower and an upper bound.
    likely = scores + 20 * torch.eye(12)
    assert bounds.tnce(likely) <= bounds.leave_one_out_bound(likely)
    # DV is NWJ, and MINE's objective plus one, at its best constant.
    level = values["log_partition"]
    assert float(bounds.nwj(scores - level + 1)) == pytest.approx(dv)
    assert float(bounds.tuba(scores)) == pytest.approx(float(bounds.nwj(1 + scores)))
    best = torch.tensor(level)
    assert float(bounds.mine(scores, best)) + 1 - level == pytest.approx(dv)
    assert float(bounds.smile(scores, clip=100.0)) == pytest.approx(dv)
    assert float(bounds.drift_penalty(best, 0.5)) == pytest.approx((level - 0.5) ** 2)


def test_gradient_of_mine_at_the_batch_average_is_that_of_donsker_varadhan():
    scores = random_scores(6, 6).requires_grad_(True)
    level = bounds.log_partition(scores).detach()
    (mine,) = torch.autograd.grad(bounds.mine(scores, level), scores)
    (exact,) = torch.autograd.grad(bounds.donsker_varadhan(scores), scores)
    torch.testing.assert_close(mine, exact)


@pytest.mark.parametrize("seed", range(3))
def test_ends_of_the_interpolation(seed):
    scores, baseline = random_scores(8, 8, seed=seed), random_scores(8, seed=seed + 9)
    at_zero = bounds.interpolated_bound(scores, 0.0, baseline)
    torch.testing.assert_close(at_zero, bounds.tuba(scores, baseline))
    ones = torch.ones(8, dtype=torch.float64)
    torch.testing.assert_close(
        bounds.interpolated_bound(scores, 0.0, ones), bounds.nwj(scores)
    )
    at_one = bounds.interpolated_bound(scores, 1.0)
    torch.testing.assert_close(at_one, bounds.interpolated_bound(scores, 1.0, baseline))


@pytest.mark.parametrize("interpolation", [0.0, 0.01, 0.5, 1.0])
@pytest.mark.parametrize("scale", [1.0, 30.0])
def test_interpolated_bound_by_its_definition(interpolation, scale):
    """The definition spelled out, each mean over its own rows."""
    scores = random_scores(7, 7, scale=scale)
    scores += scale * torch.eye(7)  # a dominant diagonal, as of a trained critic
    baseline = random_scores(7, seed=1)
    value, others = 1.0, range(7)
    for j in others:
        for k in others:
            if k == j:
                continue
            mean = math.fsum(
                math.exp(scores[i, j] - scores[j, j]) for i in others if i != k
            )
            whole = interpolation * mean / 6 + (1 - interpolation) * math.exp(
                baseline[j] - scores[j, j]
            )
            value -= math.log(whole) / 42
            mean = math.fsum(
                math.exp(scores[i, j] - scores[k, j]) for i in others if i != j
            )
            whole = interpolation * mean / 6 + (1 - interpolation) * math.exp(
                baseline[j] - scores[k, j]
            )
            value -= 1 / whole / 42
    result = bounds.interpolated_bound(scores, interpolation, baseline)
    assert float(result) == pytest.approx(value, rel=1e-10)


@pytest.mark.parametrize("interpolation", [0.1, 0.5, 1.0])
def test_ceiling_of_the_interpolation(interpolation):
    """Reached by joint scores far above all others; at 1 the last term is 1."""
    scores = 60.0 * torch.eye(33, dtype=torch.float64) - 30
    value = float(bounds.interpolated_bound(scores, interpolation))
    ceiling = (interpolation < 1) + math.log(32 / interpolation)
    assert value == pytest.approx(ceiling, abs=1e-3)


@each
def test_leading_dimensions_are_independent_models(name):
    stack = random_scores(2, 3, 6, 6)
    values = BOUNDS[name](stack)
    assert values.shape == (2, 3)
    torch.testing.assert_close(values[1, 2], BOUNDS[name](stack[1, 2]))


@each
def test_split_pairs_give_the_same(name):
    scores = random_scores(7, 7)
    off = ~torch.eye(7, dtype=torch.bool)
    side = scores.mT if name in OVER_X else scores
    pairs = (scores.diagonal(), side[off].reshape(7, 6))
    torch.testing.assert_close(BOUNDS[name](pairs), BOUNDS[name](scores))


@each
def test_scores_far_apart_stay_finite_and_are_not_changed(name):
    scores = 80 * torch.sign(random_scores(6, 6))
    before = scores.clone()
    assert torch.isfinite(BOUNDS[name](scores))
    assert torch.equal(scores, before)


@each
def test_gradient(name):
    assert torch.autograd.gradcheck(
        BOUNDS[name], random_scores(5, 5).requires_grad_(True)
    )


def oracle_scores(X, Y, rho, *, conditional):
    critic = (OracleConditional if conditional else Oracle)(rho)
    return critic(torch.from_numpy(X), torch.from_numpy(Y)).detach()


def check_truth(bound, *, conditional=False):
    """Catches a missing shift, log K or sign without any training."""
    truth, values = 1.0, []
    for seed in range(20):
        X, Y, rho = draw_normal(500, 2, truth, seed)
        values.append(float(bound(oracle_scores(X, Y, rho, conditional=conditional))))
    error = np.std(values, ddof=1) / np.sqrt(len(values))
    assert np.mean(values) == pytest.approx(truth, abs=max(4 * error, 0.02))


@pytest.mark.parametrize("name", ESTIMATES)
def test_oracle_critic_gives_the_truth(name):
    check_truth(ESTIMATES[name], conditional=name in OF_LOG_DENSITIES)


def test_oracle_critic_gives_the_truth_close_to_an_end_of_the_interpolation():
    check_truth(partial(bounds.interpolated_bound, interpolation=0.01))


@pytest.mark.parametrize("name", OBJECTIVES)
def test_oracle_critic_maximises_the_objective(name):
    """Critics that are shifted or scaled have a smaller value, on many samples."""
    X, Y, rho = draw_normal(2000, 1, 0.5, seed=0)
    exact = oracle_scores(X, Y, rho, conditional=False)
    best = float(OBJECTIVES[name](exact))
    for other in (exact + 0.5, exact - 0.5, 1.3 * exact, 0.7 * exact):
        assert float(OBJECTIVES[name](other)) < best


def test_decoder_bounds_of_the_exact_conditional():
    """BA is exact, the rate is exact with p(y), CLUB is d rho^2 / (1 - rho^2)."""
    truth, values = 1.0, []
    for seed in range(20):
        X, Y, rho = draw_normal(500, 2, truth, seed)
        scores = oracle_scores(X, Y, rho, conditional=True)
        marginal = -(torch.from_numpy(Y) ** 2).sum(-1) / 2 - math.log(2 * math.pi)
        entropy = math.log(2 * math.pi * math.e)  # of two standard normals
        values.append(
            [
                float(bounds.barber_agakov(scores.diagonal(), entropy)),
                float(bounds.rate(scores.diagonal(), marginal)),
                float(bounds.nwj(1 + scores - marginal)),
                float(bounds.club(scores)) * (1 - rho**2) / (2 * rho**2),
            ]
        )
    error = np.std(values, axis=0, ddof=1) / np.sqrt(len(values))
    assert (np.abs(np.mean(values, axis=0) - 1) < np.maximum(4 * error, 0.01)).all()


def test_unnormalized_barber_agakov_is_tight_at_its_best():
    X, Y, rho = draw_normal(20000, 1, 0.5, seed=0)
    scores = oracle_scores(X[:1], Y[:1], rho, conditional=True)
    assert scores.shape == (1, 1)
    x, y = (torch.from_numpy(block[:, 0]) for block in (X, Y))
    slope = rho / (1 - rho**2)  # log p(y|x) = slope x y - c x^2 + terms in y alone
    curve = rho**2 / (2 * (1 - rho**2))
    joint = slope * x * y - curve * x**2
    precision = 1 + 2 * curve
    log_z = slope**2 * y**2 / (2 * precision) - math.log(precision) / 2
    value = float(bounds.unnormalized_barber_agakov(joint, log_z))
    assert value == pytest.approx(0.5, abs=0.02)


@pytest.mark.parametrize("shape", [(3, 4), (1, 1)])
def test_scores_of_a_wrong_shape_are_refused(shape):
    with pytest.raises(ValueError, match=r"\(\.\.\., n, n\)"):
        bounds.nwj(torch.zeros(shape))


class Allocations(TorchDispatchMode):
    """Counts the new tensors of at least some size."""

    def __init__(self, size):
        super().__init__()
        self.size, self.count = size, 0

    def __torch_dispatch__(self, function, types, args=(), kwargs=None):
        output = function(*args, **(kwargs or {}))
        if isinstance(output, torch.Tensor) and output.numel() >= self.size:
            given = {tensor.data_ptr() for tensor in args if torch.is_tensor(tensor)}
            self.count += output.data_ptr() not in given
        return output


@pytest.mark.parametrize("bound", [bounds.info_nce, bounds.tnce])
def test_a_contrastive_bound_needs_no_more_memory_than_a_cross_entropy(bound):
    n_rows = 50
    own, other = Allocations(n_rows**2 // 2), Allocations(n_rows**2 // 2)
    scores = torch.randn(n_rows, n_rows, generator=torch.Generator().manual_seed(0))
    with own:
        value = bound(scores)
    columns = scores if bound is bounds.info_nce else scores.mT
    with other:
        loss = torch.nn.functional.cross_entropy(columns, torch.arange(n_rows))
    assert value.item() == pytest.approx(math.log(n_rows) - loss.item(), abs=1e-5)
    assert own.count <= other.count


def test_defaults_of_bounds_with_a_parameter():
    scores = torch.tensor([[2.0, -1.0, 0.5], [0.0, 9.0, -0.5], [-1.0, 0.3, 3.0]])
    assert bounds.smile(scores) == bounds.smile(scores, clip=5.0)
    scores.requires_grad_()
    (own,) = torch.autograd.grad(bounds.mine(scores), scores)
    (expected,) = torch.autograd.grad(bounds.donsker_varadhan(scores), scores)
    assert torch.allclose(own, expected)
