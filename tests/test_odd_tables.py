"""Some of the odd tables; thousands take minutes, see `tests/odd_tables.py`."""

import pytest

pytest.importorskip("polars")
pytest.importorskip("pyarrow")

from tests.odd_tables import LABELS, NUMBERS, Table, entry_points, find_faults, judge


@pytest.mark.parametrize("seed", range(3))
def test_the_truth_or_a_clear_refusal(seed, tmp_path):
    outcomes, faults = find_faults(60, seed, tmp_path)
    assert not faults
    assert outcomes.count("answer") >= 40


@pytest.mark.parametrize("entry", ["MixedKSG", "selector", "matrix", "test"])
def test_every_form(entry, tmp_path):
    """Each on either side, beside plain numbers or labels."""
    entries = entry_points(tmp_path)
    for seed, form in enumerate(LABELS):
        for x, y in ((form, "words"), ("words", form)):
            case = Table(entry, x, y, "frame", 400, 3, 0.6, seed)
            assert judge(case, entries) == ("answer", None), case
    for seed, form in enumerate(NUMBERS):
        for x, y in ((form, "floats"), ("floats", form)):
            case = Table(entry, x, y, "frame", 400, 0, 0.6, seed)
            assert judge(case, entries) == ("answer", None), case
