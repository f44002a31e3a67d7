import re

import pytest
import torch

from skmi.critics import CRITICS, BilinearCritic, SeparableCritic
from skmi.critics._batched import build_network, extract_model
from skmi.critics._layers import ACTIVATIONS
from tests.oracle import Oracle, draw_normal


def generator(seed=0):
    return torch.Generator().manual_seed(seed)


def draw(*shape, seed=0):
    return torch.randn(*shape, generator=generator(seed))


@pytest.mark.parametrize("name", CRITICS)
def test_rows_are_x_and_columns_are_y(name):
    network = CRITICS[name]().build(3, 2, generator=generator())
    x, y = draw(5, 3), draw(4, 2, seed=1)
    scores = network(x, y)
    assert scores.shape == (5, 4)
    torch.testing.assert_close(network(x[[2]], y[[1]])[0, 0], scores[2, 1])


@pytest.mark.parametrize("name", CRITICS)
def test_partners_pick_from_all_pairs(name):
    network = CRITICS[name]().build(3, 2, n_models=2, generator=generator())
    x, y = draw(2, 5, 3), draw(2, 5, 2, seed=1)
    partners = torch.tensor([[0, 3], [1, 2], [2, 0], [3, 4], [4, 1]])
    picked = network(x, y).gather(-1, partners.expand(2, 5, 2))
    torch.testing.assert_close(network(x, y, partners), picked)


@pytest.mark.parametrize("name", CRITICS)
def test_a_stack_is_its_models(name):
    network = CRITICS[name]().build(3, 2, n_models=3, generator=generator())
    x, y = draw(3, 5, 3), draw(3, 5, 2, seed=1)
    for i in range(3):
        model = extract_model(network, i)
        torch.testing.assert_close(model(x[i], y[i]), network(x, y)[i])
    first, second = (extract_model(network, i)(x[0], y[0]) for i in (0, 1))
    assert not torch.allclose(first, second)


@pytest.mark.parametrize("name", CRITICS)
def test_weights_come_from_the_generator_alone(name):
    before = torch.get_rng_state()
    first, second = (
        CRITICS[name]().build(3, 2, generator=generator(7)) for _ in range(2)
    )
    assert torch.equal(torch.get_rng_state(), before)
    for one, other in zip(first.parameters(), second.parameters(), strict=True):
        assert torch.equal(one, other)


def test_bilinear_critic_contains_the_normal_ratio():
    X, Y, rho = draw_normal(50, 2, 0.8, seed=0)
    x, y = torch.from_numpy(X), torch.from_numpy(Y)
    network = BilinearCritic().build(2, 2).to(torch.float64)
    gap = 1 - rho**2
    eye = torch.eye(2, dtype=torch.float64)
    with torch.no_grad():
        for value in network.parameters():
            value.zero_()
        for tower, scale in ((network.x_tower, rho / gap), (network.y_tower, 1.0)):
            tower.linear.weight[:, :2] = scale * eye
            tower.square.weight.copy_(-(rho**2) / (2 * gap) * eye)
        network.x_tower.linear.bias[0, 2] = -torch.log(torch.tensor(gap))
    torch.testing.assert_close(network(x, y), Oracle(rho)(x, y).detach())


@pytest.mark.parametrize("activation", ACTIVATIONS)
def test_activations(activation):
    critic = CRITICS["joint"](hidden_layer_sizes=(4,), activation=activation)
    x, y = draw(3, 1), draw(3, 1, seed=1)
    network = critic.build(1, 1, generator=generator())
    hidden = ACTIVATIONS[activation](
        network.x_tower(x)[:, None] + network.y_tower(y)[None]
    )
    torch.testing.assert_close(network(x, y), network.head.network(hidden).squeeze(-1))


def test_invalid_parameters_are_named():
    with pytest.raises(ValueError, match="n_components"):
        CRITICS["separable"](n_components=0).build(1, 1)


def test_a_module_is_copied_and_a_callable_leaves_the_global_generator_alone():
    module = Oracle(0.5)
    stack = build_network(module, 1, 1, n_models=2, generator=generator())
    assert all(copy is not module for copy in stack.modules_)
    before = torch.get_rng_state()
    make = CRITICS["separable"]().build
    one, other = (
        build_network(
            lambda n_x, n_y: make(n_x, n_y), 3, 2, n_models=2, generator=generator(3)
        )
        for _ in range(2)
    )
    assert torch.equal(torch.get_rng_state(), before)
    x, y = draw(2, 5, 3), draw(2, 5, 2, seed=1)
    assert torch.equal(one(x, y), other(x, y))


class Mapped(torch.nn.Module):
    """A module of joined rows, whose output is mapped by a function."""

    def __init__(self, n_inputs, function=lambda scores: scores):
        super().__init__()
        self.layer = torch.nn.Linear(n_inputs, 1)
        self.function = function

    def forward(self, x, y):
        return self.function(self.layer(torch.cat([x, y], 1)))


@pytest.mark.parametrize(
    ("module", "found"),
    [
        (Mapped(5, lambda scores: scores.expand(-1, 5)), "returned (3, 5)"),
        (Mapped(7), "mat1 and mat2"),
    ],
    ids=["shape", "columns"],
)
def test_a_module_of_a_wrong_size_is_refused(module, found):
    with pytest.raises(
        ValueError, match=r"x \(n, 3\) and y \(m, 2\) to scores"
    ) as told:
        build_network(module, 3, 2, n_models=1, generator=generator())
    assert found in str(told.value)


@pytest.mark.parametrize("function", [torch.Tensor.clone, lambda s: s.squeeze(1)])
def test_a_module_of_joined_rows_scores_all_pairs(function):
    module = Mapped(5, function)
    stack = build_network(module, 3, 2, n_models=1, generator=generator())
    x, y = draw(1, 4, 3), draw(1, 6, 2, seed=1)
    scores = stack(x, y)[0]
    for i, row in enumerate(x[0]):
        expected = module.layer(torch.cat([row.expand(6, -1), y[0]], 1)).squeeze(1)
        assert torch.allclose(scores[i], expected, atol=1e-6)
    partners = torch.tensor([[1, 5], [0, 0], [2, 3], [4, 1]])
    assert torch.equal(stack(x, y, partners)[0], scores.gather(1, partners))


@pytest.mark.parametrize(
    ("critic", "message"),
    [
        (SeparableCritic, "pass an instance, SeparableCritic()"),
        (lambda n_x, n_y: None, "it returned NoneType"),
        (lambda n_x, n_y: torch.nn.Identity(), "no parameters to train"),
    ],
    ids=["class", "nothing", "untrainable"],
)
def test_what_is_no_critic_is_refused(critic, message):
    with pytest.raises((TypeError, ValueError), match=re.escape(message)):
        build_network(critic, 1, 1, n_models=1, generator=generator())


@pytest.mark.parametrize("sizes", [(), (-1,), (0,), ("a",), (16.0,), (True,)])
def test_impossible_layers_are_refused(sizes):
    with pytest.raises(ValueError, match="hidden_layer_sizes must hold"):
        SeparableCritic(hidden_layer_sizes=sizes).build(1, 1)


def test_default_dtype_of_the_user_does_not_matter():
    torch.set_default_dtype(torch.float64)
    try:
        network = SeparableCritic().build(1, 1)
    finally:
        torch.set_default_dtype(torch.float32)
    assert {value.dtype for value in network.parameters()} == {torch.float32}
