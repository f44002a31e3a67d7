"""Estimates of I(Z; X) and of I(Z; Y): closed forms, inequalities, stability."""

import numpy as np
import pytest
import torch

import skmi
from skmi.bottleneck.information import INFORMATION, Code, rate_of_rows
from skmi.encoders import OBJECTIVES
from tests.bottleneck.models import DIGITS, Unit, encoder_of_digits
from tests.oracle import draw_normal

pytestmark = pytest.mark.filterwarnings("ignore::skmi.exceptions.SkmiWarning")

KINDS = [
    *((information, "gaussian") for information in INFORMATION),
    *((information, "additive") for information in ("variational", "mige", "mine")),
    *((information, "propagated") for information in ("variational", "infonce")),
]


def test_rate_is_the_divergence_from_a_standard_normal_distribution():
    mean, log_scale = torch.randn(2, 5, 3, generator=torch.Generator().manual_seed(0))
    expected = torch.distributions.kl_divergence(
        torch.distributions.Normal(mean, log_scale.exp()),
        torch.distributions.Normal(0.0, 1.0),
    ).sum(-1)
    torch.testing.assert_close(rate_of_rows(mean, log_scale), expected)


def test_known_densities_give_the_bounds_of_a_normal_channel():
    """Upper bounds of I(Z; X) at a fixed channel: CLUB's closed form, and the truth."""
    x = torch.randn(2000, 1, generator=torch.Generator().manual_seed(0))
    channel = Unit(0.0)
    noise = torch.randn(2000, 1, generator=torch.Generator().manual_seed(1))
    mean, log_scale = channel(x)
    code = Code(mean + noise, mean, log_scale)
    shifts = torch.arange(500)
    partners = (torch.arange(2000).unsqueeze(1) + shifts) % 2000
    values = {
        name: INFORMATION[name].reduce(
            INFORMATION[name].columns(None, x, code, partners).unsqueeze(0)
        )[0]
        for name in ("club", "leave_one_out")
    }
    assert values["club"].item() == pytest.approx(1.0, abs=0.1)
    assert values["leave_one_out"].item() == pytest.approx(np.log(2) / 2, abs=0.03)


def test_reports_draw_noise_for_each_sample():
    """Noise common to all samples would cancel, and the relevance be overestimated."""
    X, y, _ = draw_normal(2000, 1, 2.0, seed=0)
    model = skmi.IBRegressor(
        n_components=1, encoder=Unit(1.0), random_state=0, learning_rate_init=0.03
    ).fit(X, y)
    truth = np.log1p(np.exp(-2.0)) / 2  # I(Z; X)
    assert model.mutual_info_ < truth + 4 * model.standard_error_


@pytest.mark.parametrize(("information", "noise"), KINDS)
def test_relevance_is_at_most_the_rate(information, noise):
    X, y = DIGITS
    model = encoder_of_digits(
        information=information,
        noise=noise,
        critic="separable",
        beta=0.03,
        max_iter=10,
    ).fit(X, y)
    assert model.score(X, y) > 0.85
    if noise == "gaussian" or information == "variational":  # codes have a density
        errors = model.standard_error_ + model.rate_standard_error_
        assert model.mutual_info_ < model.rate_ + 4 * errors


@pytest.mark.parametrize(
    "information", ["variational", "club", "leave_one_out", "infonce", "mige"]
)
def test_a_larger_beta_compresses_more(information):
    X, y = DIGITS

    def rate(beta):
        model = encoder_of_digits(
            information=information,
            critic="separable",
            beta=beta,
            max_iter=8,
            early_stopping=False,
        )
        return model.fit(X, y).rate_

    assert rate(0.5) < 0.75 * rate(0.0)


@pytest.mark.parametrize("information", OBJECTIVES)
def test_a_bound_below_that_of_independent_pairs_does_not_pay_the_encoder(information):
    estimate = INFORMATION[information]
    joint, independent = torch.full((1, 8, 1), -2.0), torch.full((1, 8, 7), 3.0)
    wrong = torch.cat([joint, independent], -1)
    columns = torch.cat([wrong, wrong], -1).requires_grad_()
    value, gain = estimate.reduce(columns)
    same, _ = estimate.reduce(torch.zeros_like(columns))
    torch.testing.assert_close(value, same)
    (gain - value).sum().backward()
    of_critic, of_codes = columns.grad.chunk(2, -1)
    assert (of_codes == 0).all()
    assert (of_critic[..., 0] > 0).all()
    right, _ = estimate.reduce(-columns)
    assert right > same


@pytest.mark.parametrize("seed", range(4))
def test_a_strong_penalty_by_an_exponential_bound_stays_finite(seed):
    X, y = DIGITS
    model = encoder_of_digits(
        information="nwj",
        critic="separable",
        beta=0.5,
        max_iter=10,
        random_state=seed,
    ).fit(X, y)
    assert model.score(X, y) > 0.9


@pytest.mark.parametrize(
    "published",
    [
        {
            "information": "mige",
            "method": {
                "method": "spectral_stein",
                "n_eigen_threshold": 0.94,
                "whiten": False,
                "reference": None,
            },
            "learning_rate": 0.96,
        },
        {
            "information": "mine",
            "noise": "additive",
            "critic": skmi.critics.JointCritic(activation="elu"),
            "learning_rate": 0.97,
        },
    ],
    ids=["MIGE-IB", "MINE-IB"],
)
def test_published_settings(published):
    X, y = DIGITS
    settings = {"batch_size": 100, "learning_rate_init": 1e-3, "max_iter": 10}
    settings |= {"early_stopping": False, "n_components": 16, "random_state": 0}
    model = skmi.IBEncoder(**published, **settings).fit(X[:1000], y[:1000])
    assert model.score(X[1000:], y[1000:]) > 0.85
    changed = {"learning_rate": "constant", "method": None}
    other = skmi.IBEncoder(**published | changed, **settings).fit(X[:1000], y[:1000])
    assert other.rate_ != model.rate_  # the setting reaches the training
