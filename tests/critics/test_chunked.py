"""Scores in blocks against the same scores all at once."""

import pytest
import torch

from skmi.critics import HybridCritic, JointCritic, _chunked
from skmi.critics._networks import AdditiveHead
from skmi.training.negatives import cyclic_partners

PARTNERS = {
    "cyclic": cyclic_partners(23, torch.tensor([1, 5, 7])),
    "any": torch.randint(23, (23, 4), generator=torch.Generator().manual_seed(0)),
    "all": None,
}


def scores_and_slopes(critic, n_models, partners):
    """Scores of a network with fixed weights, and gradients of a function of them."""
    generator = torch.Generator().manual_seed(0)
    network = critic.build(2, 3, n_models=n_models, generator=generator).double()
    lead = () if n_models is None else (n_models,)
    x, y = (
        torch.randn(*lead, 23, d, dtype=torch.double, generator=generator)
        for d in (2, 3)
    )
    x.requires_grad_(), y.requires_grad_()
    scores = network(x, y, partners)
    scores.sin().sum().backward()
    return [scores.detach(), x.grad, y.grad, *(p.grad for p in network.parameters())]


@pytest.mark.parametrize("partners", PARTNERS.values(), ids=list(PARTNERS))
@pytest.mark.parametrize("n_models", [None, 1, 3])
@pytest.mark.parametrize("activation", ["silu", "tanh"])
@pytest.mark.parametrize("n_numbers", [1, 60, 600])
@pytest.mark.parametrize("critic", [HybridCritic, JointCritic])
def test_blocks_change_nothing(
    monkeypatch, critic, n_numbers, activation, n_models, partners
):
    critic = critic(hidden_layer_sizes=(5, 3), activation=activation)
    monkeypatch.setattr(_chunked, "CACHED_NUMBERS", n_numbers)
    found = scores_and_slopes(critic, n_models, partners)
    monkeypatch.setattr(AdditiveHead, "_takes_blocks", lambda *_: False)
    expected = scores_and_slopes(critic, n_models, partners)
    for one, other in zip(found, expected, strict=True):
        torch.testing.assert_close(one, other, rtol=1e-10, atol=1e-10)


def test_places_of_one_side_are_scored_as_models(monkeypatch):
    generator = torch.Generator().manual_seed(0)
    head = HybridCritic(hidden_layer_sizes=(4,)).build(1, 1, generator=generator).head
    u, v = torch.randn(23, 8), torch.randn(6, 23, 8)
    for partners in PARTNERS.values():
        call = (
            (lambda: head(u, v))
            if partners is None
            else (lambda partners=partners: head.paired(u, v, partners))
        )
        found = call()
        with monkeypatch.context() as patch:
            patch.setattr(AdditiveHead, "_takes_blocks", lambda *_: False)
            torch.testing.assert_close(found, call())


def test_fixed_layers_get_no_gradient():
    network = HybridCritic(hidden_layer_sizes=(4,)).build(1, 1)
    network.head.requires_grad_(False)
    network(
        torch.ones(5, 1), torch.ones(5, 1), PARTNERS["cyclic"][:5] % 5
    ).sum().backward()
    assert all(p.grad is None for p in network.head.parameters())
    assert all(p.grad is not None for p in network.x_tower.parameters())
