"""The page for contributors: its code runs, and the files that it names exist."""

import re
import textwrap
from pathlib import Path
from types import SimpleNamespace

import pytest

from skmi import bounds, variational
from skmi.datasets import make_correlated_normal
from tests.estimators import make_small

ROOT = Path(__file__).parents[2]
TEXT = (ROOT / "CONTRIBUTING.rst").read_text(encoding="utf-8")
# A literal block: everything that is indented by four or more spaces.
BLOCKS = re.findall(r"::\n\n((?: {4,}.*\n|\n)+)", TEXT)


def run(start, module, **names):
    """Run the block that begins with `start`, with the names of a module known."""
    blocks = (textwrap.dedent(block) for block in BLOCKS)
    (code,) = (code for code in blocks if code.startswith(start))
    names = {**vars(module), **names}
    exec(code, names)
    return names


@pytest.mark.parametrize(
    ("start", "module", "name"),
    [
        ("@estimator\nclass Hellinger", variational.ratio, "Hellinger"),
        ("@estimator\nclass ReHellinger", variational.regularized, "ReHellinger"),
    ],
)
def test_the_recipe_for_a_bound(start, module, name):
    """It reports NWJ's value of a critic that the new objective has trained."""
    hellinger = run("def hellinger", bounds.ratio)["hellinger"]
    known = SimpleNamespace(**{**vars(bounds), "hellinger": hellinger})
    cls = run(start, module, bounds=known)[name]
    X, Y, truth = make_correlated_normal(2000, 1, mutual_info=0.5, random_state=0)
    estimator = cls(random_state=0).fit(X, Y)
    assert estimator.mutual_info_ == pytest.approx(truth, abs=0.1)
    assert estimator.bound_ == "lower"
    assert make_small(cls)._make_objective().bound is hellinger


@pytest.mark.parametrize(
    "path", sorted(set(re.findall(r"``((?:skmi|doc|tests)/[\w/]+\.\w+)``", TEXT)))
)
def test_the_files_that_it_names_exist(path):
    assert (ROOT / path).is_file()
