import math

import pytest
import torch

from skmi._training import Schedule, Training, cyclic_partners


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
        extract,
        target,
        block,
        block,
        train_rows=rows,
        stop_rows=torch.arange(8, 12).expand(len(values), 4),
        schedule=Schedule(**(settings | changes)),
        generator=torch.Generator().manual_seed(0),
        chosen_by=chosen,
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


def test_an_epoch_takes_as_many_passes_as_make_its_steps():
    training = train([0.0], peak_at(9.0), 1, min_steps=5)  # of two batches a pass
    assert training.network.value.item() == pytest.approx(0.6, abs=1e-3)


def test_the_start_may_be_the_best():
    training = train([0.0], peak_at(0.0), 0)
    training.consider_start()
    while not training.finished:
        training.run_epoch()
    assert training.best == [0.0]
    assert training.best_epoch == [0]


def test_cyclic_partners_have_no_fixed_points():
    partners = cyclic_partners(5, torch.tensor([1, 4]))
    assert partners.tolist() == [[0, 1, 4], [1, 2, 0], [2, 3, 1], [3, 4, 2], [4, 0, 3]]


def test_the_best_epoch_is_kept_by_copy():
    training = train([0.0], peak_at(1.0), 100)
    assert training.best[0] == pytest.approx(1.0, abs=0.11)
    assert training.network.value.item() > 1.3  # training went on past the best
    assert training.epoch == training.best_epoch[0] + 3
    assert training.finished
    assert training.converged


def test_each_model_stops_for_itself():
    training = train([0.0, -2.0], peak_at(1.0), 100)
    first, second = training.best_epoch
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
    assert training.best_epoch == [9]  # the first that counts, past the peak by then
    assert training.epoch == 12
    assert train([0.9], peak_at(1.0), 5, n_iter_unchosen=8).best_epoch == [5]


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
