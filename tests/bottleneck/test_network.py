"""Networks, encoders of the user, schedules and collapse of the bottleneck."""

import warnings

import numpy as np
import pytest
import torch
from sklearn.datasets import load_iris
from torch import nn

import skmi
from skmi.bottleneck.network import BetaSchedule
from tests.bottleneck.models import DIGITS, encoder_of_digits
from tests.oracle import draw_normal

pytestmark = pytest.mark.filterwarnings("ignore::skmi.exceptions.SkmiWarning")


def test_schedules_raise_the_weight_to_beta():
    warm_up = BetaSchedule.over(10, 0.5, "warm_up")
    weights = [warm_up.at(epoch) for epoch in range(10)]
    np.testing.assert_allclose(weights, [0, 0.1, 0.2, 0.3, 0.4, *[0.5] * 5])
    annealing = BetaSchedule.over(100, 2.0, "annealing")
    assert annealing.n_epochs == 20
    assert [annealing.at(epoch) for epoch in (0, 20, 99)] == pytest.approx([2e-3, 2, 2])
    constant = BetaSchedule.over(100, 2.0, "constant")
    assert constant.n_epochs == 0
    assert constant.at(0) == 2.0


@pytest.mark.parametrize("kind", ["warm_up", "annealing"])
def test_the_best_epoch_comes_after_the_schedule(kind):
    X, y = load_iris(return_X_y=True)
    settings = {"beta": 0.5, "beta_schedule": kind, "random_state": 0}
    model = skmi.IBEncoder(max_iter=10, **settings).fit(X, y)
    assert model.best_iter_ > 5
    assert skmi.IBEncoder(max_iter=3, **settings).fit(X, y).best_iter_ > 1


@pytest.mark.filterwarnings("error::skmi.exceptions.CollapseWarning")
@pytest.mark.slow
def test_a_schedule_avoids_a_collapse_of_a_large_beta():
    X, y = DIGITS
    settings = {"hidden_layer_sizes": (64, 64), "early_stopping": False}
    model = encoder_of_digits(beta=0.9, max_iter=40, **settings)
    with pytest.warns(skmi.CollapseWarning, match=r"beta=0\.9 is too large"):
        model.fit(X, y)
    assert model.mutual_info_ < 0.15
    model.set_params(beta_schedule="warm_up").fit(X, y)
    assert model.mutual_info_ > 0.25
    assert model.rate_ > 0.25


def test_the_critic_has_its_own_learning_rate():
    """With hardly any, the critic stays as it began, while the encoder learns."""
    X, y = load_iris(return_X_y=True)
    settings = {"early_stopping": False, "alpha": 0.0, "random_state": 0}
    networks = [
        skmi.IBEncoder(
            information="mine", learning_rate_init=rates, max_iter=n, **settings
        )
        .fit(X, y)
        ._model.network
        for rates, n in (((6e-3, 1e-12), 1), ((6e-3, 1e-12), 4), (6e-3, 4))
    ]
    first, last, other = (
        torch.cat([v.flatten() for v in net.critic.parameters()]) for net in networks
    )
    assert torch.allclose(first, last, atol=1e-9)
    assert (first - other).abs().max() > 1e-3
    first, last = (
        torch.cat([v.flatten() for v in net.channel.parameters()])
        for net in networks[:2]
    )
    assert (first - last).abs().max() > 1e-2
    for wrong in ((1e-3,), (1e-3, 0.0), (1e-3, "a"), (1e-3, 1e-3, 1e-3)):
        with pytest.raises(ValueError, match="learning_rate_init"):
            skmi.IBEncoder(learning_rate_init=wrong).fit(X, y)


def test_test_samples_that_are_predicted_worse_than_without_X_are_warned_of():
    """Noise that is overfitted; with weights of classes no shares are aimed at."""
    rng = np.random.RandomState(0)
    X, y = rng.standard_normal((200, 20)), np.arange(200) % 2 == 0
    settings = {"early_stopping": False, "beta": 1e-4, "random_state": 0}
    with pytest.warns(skmi.exceptions.CollapseWarning, match="worse than without X"):
        model = skmi.IBEncoder(**settings).fit(X, y)
    assert model.mutual_info_ < 0
    with warnings.catch_warnings():
        warnings.simplefilter("error", skmi.exceptions.CollapseWarning)
        skmi.IBEncoder(class_weight="balanced", **settings).fit(X + 3 * y[:, None], y)


def test_codes_of_an_independent_target_collapse():
    X, y, _ = draw_normal(600, 2, 0.1, seed=0)
    with pytest.warns(skmi.CollapseWarning, match="or X is not informative about y"):
        model = skmi.IBRegressor(
            beta=1.0, learning_rate_init=0.03, random_state=0, test_size=0.3
        ).fit(X, y[::-1])
    assert abs(model.mutual_info_) < 4 * model.standard_error_ + 0.01


def test_plain_network_with_the_same_noise_is_beta_zero():
    """The same network and noise, trained by another loop, on the same samples."""
    X, y = DIGITS
    gaps = []
    for seed in range(2):
        order = np.random.RandomState(seed).permutation(len(X))
        train, test = order[:1200], order[1200:]
        model = encoder_of_digits(
            beta=0.0,
            early_stopping=False,
            test_size=2,
            max_iter=20,
            random_state=seed,
        ).fit(X[train], y[train])
        gaps.append(model.score(X[test], y[test]) - plain_accuracy(train, test, seed))
    error = np.sqrt(2 * 0.04 * 0.96 / (2 * 597))
    assert abs(np.mean(gaps)) < 2 * error


def plain_accuracy(train, test, seed):
    X, y = DIGITS
    rows = torch.tensor((X - X[train].mean(0)) / (X[train].std(0) + 1e-9)).float()
    rows, labels = rows.clamp(-10, 10), torch.tensor(y)
    with torch.random.fork_rng():
        torch.manual_seed(seed)
        encoder = nn.Sequential(
            nn.Linear(64, 64),
            nn.SiLU(),
            nn.Linear(64, 64),
            nn.SiLU(),
            nn.Linear(64, 32),
        )
        decoder = nn.Linear(16, 10)
        parameters = [*encoder.parameters(), *decoder.parameters()]
        optimizer = torch.optim.AdamW(parameters, lr=3e-3, weight_decay=1e-4)

        def logits(x):
            mean, log_scale = encoder(x).chunk(2, -1)
            return decoder(mean + torch.exp(log_scale - 2) * torch.randn_like(mean))

        for _ in range(20):
            for batch in torch.from_numpy(np.random.permutation(train)).split(64):
                loss = nn.functional.cross_entropy(logits(rows[batch]), labels[batch])
                optimizer.zero_grad()
                loss.backward()
                optimizer.step()
        with torch.no_grad():
            draws = [torch.softmax(logits(rows[test]), -1) for _ in range(12)]
    return (sum(draws).argmax(1) == labels[test]).double().mean().item()


def test_encoders_of_the_user():
    X, y = load_iris(return_X_y=True)
    module = nn.Linear(4, 2)
    before = module.weight.clone()
    model = skmi.IBEncoder(n_components=2, encoder=module, max_iter=2, random_state=0)
    model.fit(X, y)
    assert torch.equal(module.weight, before)
    assert not torch.equal(model.encoder_.weight, before)
    with pytest.raises(ValueError, match=r"codes \(n, n_components=3\)"):
        model.set_params(n_components=3).fit(X, y)
    sizes = []

    def make(n_features, n_components):
        sizes.append((n_features, n_components))
        return nn.Linear(n_features, n_components)

    for noise, information in (("propagated", "infonce"), ("additive", "mige")):
        model.set_params(encoder=make, noise=noise, information=information)
        assert model.fit(X, y).transform(X).shape == (150, 3)
    assert sizes == [(7, 3), (4, 3)]
