"""Tables of any kind: an answer in finite numbers, or a refusal in our own words."""

import hypothesis
import numpy as np
import pytest
from hypothesis import strategies

import skmi
from tests.estimators import make_small
from tests.oddities import BLOCKS, LAYOUTS, SIZES, WIDTHS, Case, judge, soak_instances
from tests.oracle import draw_normal

PLAIN = Case("normal", "normal", "rows", "flat", 60, 2, 1, "none", 0)

cases = strategies.builds(
    Case,
    x=strategies.sampled_from(list(BLOCKS)),
    y=strategies.sampled_from(list(BLOCKS)),
    x_layout=strategies.sampled_from(list(LAYOUTS.keys() - {"flat"})),
    y_layout=strategies.sampled_from(list(LAYOUTS)),
    n_rows=strategies.sampled_from(SIZES),
    n_columns=strategies.sampled_from(WIDTHS),
    n_targets=strategies.sampled_from(WIDTHS),
    relation=strategies.sampled_from(["none", "equal", "shorter"]),
    seed=strategies.integers(0, 2**31 - 1),
)


@pytest.mark.parametrize("estimator", soak_instances(), ids=repr)
def test_an_answer_or_a_refusal(estimator):
    @hypothesis.settings(
        max_examples=10,
        derandomize=True,
        deadline=None,
        database=None,
        suppress_health_check=list(hypothesis.HealthCheck),
    )
    @hypothesis.given(cases)
    def run(case):
        *_, fault = judge(estimator, case)
        assert fault is None

    run()


@pytest.mark.parametrize("estimator", soak_instances(), ids=repr)
@pytest.mark.parametrize("layout", ["backwards", "strided", "columns", "read-only"])
def test_the_layout_in_memory_is_no_obstacle(estimator, layout):
    case = PLAIN._replace(x_layout=layout)
    if isinstance(estimator, skmi.IBEncoder):
        case = case._replace(y="codes")
    assert judge(estimator, case) == ("answer", "", None)


@pytest.mark.parametrize("estimator", soak_instances(), ids=repr)
@pytest.mark.parametrize("block", ["largest", "subnormal"])
def test_the_largest_and_the_smallest_numbers(estimator, block):
    kind, message, fault = judge(estimator, PLAIN._replace(x=block))
    assert fault is None
    if kind == "FloatingPointError":
        assert "Rescale" in message


@pytest.mark.parametrize("name", ["objects", "lists", "text", "numbers with NA"])
def test_what_is_no_number_is_named(name):
    words = {"objects": "objects", "lists": "lists", "text": "text"}
    for cls in (skmi.GaussianMI, skmi.NWJ, skmi.InfoMaxEncoder, skmi.ScoreEstimator):
        kind, message, fault = judge(make_small(cls), PLAIN._replace(x=name))
        assert fault is None
        assert kind == ("TypeError" if name == "objects" else "ValueError")
        assert words.get(name, "missing values (NA)") in message
        assert message.startswith("X ")


@pytest.mark.parametrize("cls", [skmi.StudentCopulaMI, skmi.GaussianCopulaMI])
def test_columns_that_determine_each_other_count_once(cls):
    x = np.random.RandomState(0).standard_normal((60, 1))
    X, y = np.repeat(x, 3, axis=1), x[::-1, 0]
    once = cls().fit(x, y).mutual_info_
    assert cls().fit(X, y).mutual_info_ == pytest.approx(once)


def test_labels_of_fewer_rows_than_folds_are_noted():
    X, _, _ = draw_normal(60, 2, 0.5, seed=0)
    y = np.array(["often"] * 57 + ["rare"] * 3)
    critic = make_small(skmi.InfoNCE, cv=5)
    critic.set_params(early_stopping=False)
    with pytest.warns(
        skmi.FewRowsWarning, match="label with 3 samples, fewer than the 5"
    ):
        critic.fit(X, y)


def test_labels_in_several_columns_have_no_gradient():
    X, _, _ = draw_normal(60, 2, 0.5, seed=0)
    with pytest.raises(ValueError, match="labels in 2 columns; MIGEGradient takes one"):
        make_small(skmi.MIGEGradient).fit(X, np.full((60, 2), "a"))


def test_normal_scores_between_numbers_next_to_each_other():
    """The slope between neighbours of 5e-324 is infinite; the scores are finite."""
    x = np.repeat([0.0, 1e-323, 3e-323], 20)[:, np.newaxis]
    y = np.random.RandomState(0).standard_normal(60)
    model = skmi.KernelDensityMI(marginals="rank").fit(x, y)
    new = np.array([[-1.0], [0.0], [5e-324], [1e-323], [3e-323], [1.0]])
    outside, low, _, _, high, beyond = model.score_samples(new)
    assert np.isfinite(model.score_samples(new)).all()
    assert (outside, beyond) == (low, high)


def test_the_variance_explained_of_the_largest_numbers():
    X, Y, _ = draw_normal(200, 1, 1.0, seed=0)
    model = skmi.IBRegressor(max_iter=20, early_stopping=False, random_state=0)
    plain = model.fit(X, Y[:, 0]).score(X, Y[:, 0])
    huge = 1e307 * Y[:, 0]
    assert model.fit(X, huge).score(X, huge) == pytest.approx(plain, abs=1e-3)
