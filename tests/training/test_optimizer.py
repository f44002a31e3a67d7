"""Steps of AdamW, and what the first of them imports."""

import subprocess
import sys

import pytest
import torch

from skmi.training.optimizer import AdamW


def make_network():
    layers = torch.nn.Linear(5, 8), torch.nn.SiLU(), torch.nn.Linear(8, 1)
    network = torch.nn.Sequential(*layers, torch.nn.Linear(3, 3))  # the last is unused
    generator = torch.Generator().manual_seed(0)
    with torch.no_grad():
        for value in network.parameters():
            value.copy_(torch.randn(value.shape, generator=generator))
    return network


def steps(optimizer, network, n_steps):
    x = torch.randn(30, 5, generator=torch.Generator().manual_seed(1))
    for _ in range(n_steps):
        optimizer.zero_grad()
        network[:3](x).square().mean().backward()
        optimizer.step()


def test_the_steps_are_those_of_torch():
    own, theirs = make_network(), make_network()
    steps(AdamW(own.parameters(), lr=0.01, weight_decay=0.1), own, 50)
    settings = {"lr": 0.01, "weight_decay": 0.1, "fused": True}
    steps(torch.optim.AdamW(theirs.parameters(), **settings), theirs, 50)
    for one, other in zip(own.parameters(), theirs.parameters(), strict=True):
        assert torch.equal(one, other)


def test_a_state_is_taken_up():
    whole, halves = make_network(), make_network()
    steps(AdamW(whole.parameters(), lr=0.01, weight_decay=0.1), whole, 20)
    first = AdamW(halves.parameters(), lr=0.01, weight_decay=0.1)
    steps(first, halves, 10)
    second = AdamW(halves.parameters(), lr=0.01, weight_decay=0.1)
    second.load_state_dict(first.state_dict())
    steps(second, halves, 10)
    for one, other in zip(whole.parameters(), halves.parameters(), strict=True):
        assert torch.equal(one, other)


@pytest.mark.parametrize(
    "fit",
    [
        "InfoNCE(max_iter=2, early_stopping=False).fit(X, X)",
        "AutoMI(max_iter=2).fit(X, X**2)",
        "IBEncoder(max_iter=2, early_stopping=False).fit(X, X[:, 0] > 0)",
        "InfoMaxEncoder(max_iter=2, early_stopping=False).fit(X)",
        "MIGEGradient(max_iter=2).fit(X)",
    ],
)
def test_a_fit_imports_no_compiler(fit):
    """Torch's compiler and its algebra take about a second to import."""
    code = (
        "import sys, warnings, numpy as np, skmi; warnings.simplefilter('ignore')\n"
        f"X = np.random.RandomState(0).randn(100, 2); skmi.{fit}\n"
        "sys.exit(bool({'torch._dynamo', 'sympy'} & set(sys.modules)))"
    )
    assert subprocess.run([sys.executable, "-c", code], check=False).returncode == 0


def test_a_part_of_the_parameters_has_its_own_learning_rate():
    own, theirs = make_network(), make_network()
    factors = dict.fromkeys(own[2].parameters(), 0.1)
    optimizer = AdamW(own.parameters(), lr=0.01, weight_decay=0.1, factors=factors)
    steps(optimizer, own, 30)
    groups = [
        {"params": [*theirs[0].parameters(), *theirs[3].parameters()]},
        {"params": theirs[2].parameters(), "lr": 0.001},
    ]
    settings = {"lr": 0.01, "weight_decay": 0.1}
    steps(torch.optim.AdamW(groups, fused=True, **settings), theirs, 30)
    for one, other in zip(own.parameters(), theirs.parameters(), strict=True):
        assert torch.allclose(one, other, rtol=1e-6)
