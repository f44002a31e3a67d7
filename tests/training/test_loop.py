import math
import warnings

import numpy as np
import pytest
import torch

import skmi
from skmi import bounds
from skmi.critics._batched import copy_models
from skmi.training.loop import Training
from skmi.training.negatives import cyclic_partners
from skmi.training.schedule import Schedule
from skmi.variational.many import report_terms
from skmi.variational.objective import Objective
from tests.oracle import draw_normal


class Level(torch.nn.Module):
    """Scores that are one number for each model."""

    def __init__(self, values):
        super().__init__()
        self.value = torch.nn.Parameter(torch.tensor(values))

    def forward(self, x, y, partners):
        return self.value.reshape(-1, 1, 1).expand(len(self.value), *partners.shape)


def extract(network, i):
    return network.value[i].item()


def train(values, target, n_epochs, chosen="own", **changes):
    """Pull each model's level towards a target; return the training."""
    settings = {
        "max_iter": n_epochs,
        "batch_size": 4,
        "n_negatives": 2,
        "learning_rate_init": 0.1,
        "alpha": 0.0,
        "early_stopping": True,
        "n_iter_no_change": 3,
        "tol": 0.0,
    }
    rows = torch.arange(8).expand(len(values), 8)
    block = torch.zeros(len(values), 12, 1)
    training = Training(
        Level(values),
        target,
        block,
        block,
        train_rows=rows,
        stop_rows=torch.arange(8, 12).expand(len(values), 4),
        schedule=Schedule(**(settings | changes), chosen_by=chosen),
        generator=torch.Generator().manual_seed(0),
        extract=extract,
    )
    while training.epoch < n_epochs and not training.finished:
        training.run_epoch()
    return training


def peak_at(top):
    """Objective that is largest at `top` for held-out rows, ever rising in training."""

    def objective(scores):
        joint, _ = scores
        level = joint.mean(-1)
        return level if level.requires_grad else -((level - top) ** 2)

    return objective


def test_others_choose_the_epoch():
    """Each model is kept where the other's rows, not its own, are at their best."""
    training = train([0.0, 0.0], peak_at(torch.tensor([0.3, 1.0])), 40, chosen="others")
    assert training.best == pytest.approx([1.0, 0.3], abs=0.11)


def test_weights_are_averaged_over_steps():
    training = train([0.0], peak_at(9.0), 1, averaging_rate=0.5, min_steps=2)
    assert training.best[0] == pytest.approx(0.5 * (0.5 * 0.1) + 0.5 * 0.2, abs=1e-3)
    assert training.network.value.item() == pytest.approx(0.2, abs=1e-3)


@pytest.mark.parametrize("learning_rate", ["constant", "cosine", 0.5])
def test_learning_rates(learning_rate):
    """A gradient of one sign moves the level by the rate at each of two steps."""
    training = train(
        [0.0], peak_at(9.0), 4, learning_rate=learning_rate, early_stopping=False
    )
    shares = {
        "constant": [1, 1, 1, 1],
        "cosine": [1, 0.5 + 0.5**1.5, 0.5, 0.5 - 0.5**1.5],
        0.5: [1, 1, 0.5, 0.5],
    }
    assert training.best == pytest.approx([0.2 * sum(shares[learning_rate])], rel=1e-4)


def test_an_epoch_takes_as_many_passes_as_make_its_steps():
    training = train([0.0], peak_at(9.0), 1, min_steps=5)  # of two batches a pass
    assert training.network.value.item() == pytest.approx(0.6, abs=1e-3)


def test_the_start_may_be_the_best():
    training = train([0.0], peak_at(0.0), 0)
    training.consider_start()
    while not training.finished:
        training.run_epoch()
    assert training.best == [0.0]
    assert training.stopping.best_epoch == [0]


def test_cyclic_partners_have_no_fixed_points():
    partners = cyclic_partners(5, torch.tensor([1, 4]))
    assert partners.tolist() == [[0, 1, 4], [1, 2, 0], [2, 3, 1], [3, 4, 2], [4, 0, 3]]


def test_the_best_epoch_is_kept_by_copy():
    training = train([0.0], peak_at(1.0), 100)
    assert training.best[0] == pytest.approx(1.0, abs=0.11)
    assert training.network.value.item() > 1.3  # training went on past the best
    assert training.epoch == training.stopping.best_epoch[0] + 3
    assert training.finished
    assert training.converged


def test_each_model_stops_for_itself():
    training = train([0.0, -2.0], peak_at(1.0), 100)
    first, second = training.stopping.best_epoch
    assert first < second
    assert training.best == pytest.approx([1.0, 1.0], abs=0.11)


def test_a_stopped_model_does_not_come_back():
    """A late rise after the patience has run out changes nothing."""

    def objective(scores):
        level = scores[0].mean(-1)
        if level.requires_grad:
            return level
        return torch.where(level > 2.5, torch.full_like(level, 9.0), -(level**2))

    training = train([-0.2, -9.0], objective, 60)
    assert training.best[0] == pytest.approx(0.0, abs=0.11)


def test_not_converged():
    assert not train([0.0], peak_at(50.0), 5).converged


def test_the_first_epochs_are_not_chosen():
    training = train([0.9], peak_at(1.0), 100, n_iter_unchosen=8)
    assert training.stopping.best_epoch == [
        9
    ]  # the first that counts, past the peak by then
    assert training.epoch == 12
    assert train([0.9], peak_at(1.0), 5, n_iter_unchosen=8).stopping.best_epoch == [5]


def test_without_early_stopping_the_last_weights_stand():
    training = train([0.0], peak_at(0.2), 6, early_stopping=False)
    assert training.best[0] == training.network.value.item()
    assert training.scores == []
    assert training.converged


def test_a_diverging_loss_names_the_epoch():
    def objective(scores):
        level = scores[0].mean(-1)
        return torch.where(level > 0.5, torch.full_like(level, math.inf), level)

    with pytest.raises(FloatingPointError, match="epoch 3"):
        train([0.0], objective, 20)


def test_models_do_not_touch_each_other():
    alone = train([0.3], peak_at(1.0), 4)
    beside = train([0.3, 5.0], peak_at(1.0), 4)
    assert alone.best[0] == beside.best[0]


def diverge_above(top, which):
    """Objective of which one model's becomes infinite where its level passes `top`."""

    def objective(scores):
        level = scores[0].mean(-1)
        broken = torch.arange(len(level)) == which
        return torch.where(
            broken & (level > top), torch.full_like(level, math.inf), level
        )

    return objective


def test_only_the_diverging_model_is_marked():
    alone = train([0.3], peak_at(5.0), 12)
    training = train([0.3, 0.0, 0.3], diverge_above(0.25, which=1), 12)
    assert training.stopping.diverged == {
        1: 2
    }  # by the second of two steps of an epoch
    assert training.stopping.best_epoch == [12, 1, 12]
    assert training.best[1] == pytest.approx(0.2, abs=1e-3)
    assert training.best[0] == training.best[2] == alone.best[0]


def test_where_the_others_choose_a_diverged_model_has_no_say():
    training = train([0.0, 0.0, 0.0], diverge_above(0.25, which=2), 12, chosen="others")
    assert training.stopping.best_epoch[:2] == [12, 12]
    assert np.isfinite(training.stopping.best_score).all()


def pairs_in_three_columns():
    """Columns of which the second alone tells about y."""
    X, Y, _ = draw_normal(400, 1, 1.0, seed=0)
    noise = np.random.RandomState(1).standard_normal((400, 2))
    return [noise[:, :1], X, noise[:, 1:]], Y


def test_a_diverged_critic_leaves_the_others_standing(monkeypatch):
    blocks, Y = pairs_in_three_columns()
    nwj = skmi.NWJ(max_iter=5, learning_rate_init=0.01, early_stopping=False)
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        expected = report_terms(nwj, blocks, Y, 0)

    def break_first(scores):
        values = bounds.nwj(tuple(1 + part for part in scores))
        return values * torch.tensor([math.nan, 1.0, 1.0])

    monkeypatch.setattr(skmi.NWJ, "_make_objective", lambda _: Objective(break_first))
    with pytest.warns(skmi.ConvergenceWarning, match="Critic 0 of 3 .* in epoch 1"):
        found = report_terms(nwj, blocks, Y, 0)
    assert (found[0] == 0).all()
    np.testing.assert_array_equal(found[1:], expected[1:])
    assert found[1].mean() > 0.5


def test_a_diverged_fold_is_noted_or_refused(monkeypatch):
    X, Y, _ = draw_normal(300, 1, 1.0, seed=0)
    nwj = skmi.NWJ(max_iter=4, cv=3, early_stopping=False, random_state=0)
    first = nwj.fit(X, Y)

    def break_late(first_broken):
        calls = []

        def objective(scores):
            values = bounds.nwj(tuple(1 + part for part in scores))
            if values.requires_grad:
                calls.append(None)
            factor = math.nan if len(calls) >= first_broken else 1.0
            return values * torch.tensor([1.0, factor, 1.0])

        return lambda _: Objective(objective)

    monkeypatch.setattr(skmi.NWJ, "_make_objective", break_late(first_broken=2))
    with pytest.warns(skmi.ConvergenceWarning, match="fold 1 diverged in epoch 2 .* 1"):
        nwj.fit(X, Y)
    assert np.isfinite(nwj.loss_curve_).all()
    assert nwj.fold_scores_[[0, 2]].tolist() == first.fold_scores_[[0, 2]].tolist()
    monkeypatch.setattr(skmi.NWJ, "_make_objective", break_late(first_broken=1))
    with pytest.raises(FloatingPointError, match="fold 1 was not finite in epoch 1"):
        nwj.fit(X, Y)
    assert not hasattr(nwj, "mutual_info_")


def train_in_double(network, x, y, seed):
    training = Training(
        network,
        bounds.nwj,
        x,
        y,
        train_rows=torch.arange(200).expand(len(x), -1),
        stop_rows=torch.arange(200, 300).expand(len(x), -1),
        schedule=Schedule(40, 50, 4, 0.01, 1e-4, True, 5, 1e-4),
        generator=torch.Generator().manual_seed(seed),
    )
    while training.epoch < 40 and not training.finished:
        training.run_epoch()
    return training


@pytest.mark.parametrize("critic", ["hybrid", "separable", "joint", "bilinear"])
def test_a_stack_has_the_best_epochs_of_its_members_alone(critic):
    generator = torch.Generator().manual_seed(1)
    x = torch.randn(4, 300, 1, dtype=torch.double, generator=generator)
    noise = torch.randn(4, 300, 1, dtype=torch.double, generator=generator)
    y = x + torch.tensor([0.3, 1.0, 2.0, 9.0]).reshape(-1, 1, 1) * noise
    small = {"separable": {"n_components": 4}}.get(critic, {})
    if critic != "bilinear":
        small["hidden_layer_sizes"] = (8,)
    critic = skmi.critics.CRITICS[critic](**small)
    stack = critic.build(1, 1, n_models=4, generator=generator).double()
    members = []
    for i in range(4):
        member = critic.build(1, 1, n_models=1, generator=generator).double()
        for own, whole in zip(member.parameters(), stack.parameters(), strict=True):
            own.data = whole.data[i : i + 1].clone()
        members.append(train_in_double(member, x[i : i + 1], y[i : i + 1], seed=5))
    together = train_in_double(stack, x, y, seed=5)
    assert together.stopping.best_epoch == [
        member.stopping.best_epoch[0] for member in members
    ]
    assert len(set(together.stopping.best_epoch)) > 1
    scores = [member.stopping.best_score[0] for member in members]
    assert together.stopping.best_score == pytest.approx(scores, rel=1e-9)


def test_models_are_copied_one_by_one():
    networks = [
        skmi.critics.HybridCritic(hidden_layer_sizes=(4,)).build(
            1, 1, n_models=3, generator=torch.Generator().manual_seed(seed)
        )
        for seed in (0, 1)
    ]
    before = [p.clone() for p in networks[1].parameters()]
    copy_models(*networks, [2])
    for new, old, source in zip(
        networks[1].parameters(), before, networks[0].parameters(), strict=True
    ):
        assert torch.equal(new[:2], old[:2])
        assert torch.equal(new[2], source[2])


class Small(Level):
    """Levels on a device whose memory holds so many pairs."""

    def __init__(self, values, most_pairs):
        super().__init__(values)
        self.most_pairs = most_pairs
        self.seen = []

    def forward(self, x, y, partners):
        if partners.numel() > self.most_pairs:
            raise torch.cuda.OutOfMemoryError("CUDA out of memory.")
        self.seen.append(len(partners))
        return super().forward(x, y, partners)


@pytest.mark.parametrize(("most_pairs", "size"), [(4096 * 65, 800), (10_000, 128)])
def test_a_full_device_is_given_smaller_blocks(most_pairs, size):
    network = Small([0.5], most_pairs)
    training = Training(
        network,
        peak_at(1.0),
        torch.zeros(1, 900, 1),
        torch.zeros(1, 900, 1),
        train_rows=torch.arange(100).unsqueeze(0),
        stop_rows=torch.arange(100, 900).unsqueeze(0),
        schedule=Schedule(1, 4, 2, 0.1, 0.0, True, 3, 0.0),
        generator=torch.Generator().manual_seed(0),
        extract=extract,
    )
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always")
        training.consider_start()
    assert max(network.seen) <= size
    assert bool(caught) == (size < 800)
    assert all("blocks of" in str(item.message) for item in caught)
    assert training.stopping.best_score == pytest.approx([-0.25])
    network.most_pairs = 0
    training.block_size = 32
    with pytest.raises(torch.cuda.OutOfMemoryError):
        training.consider_start()
