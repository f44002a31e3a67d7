"""A display without matplotlib says what is missing."""

import sys

import pytest

import skmi
from tests.display.test_plane import make_plane


def test_without_matplotlib_it_says_who_needs_it(monkeypatch):
    monkeypatch.setitem(sys.modules, "matplotlib", None)
    with pytest.raises(ImportError, match=r"plot needs matplotlib.*skmi\[plot\]"):
        skmi.InformationPlaneDisplay(plane=make_plane()).plot()
    with pytest.raises(ImportError, match=r"BoundsDisplay\.plot needs matplotlib"):
        skmi.BoundsDisplay.from_estimator([])
