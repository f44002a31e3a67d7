"""Before scikit-learn 1.9 estimators fit as they do without callbacks."""

import pytest

from skmi import SkmiWarning
from skmi._core.inert_callbacks import CallbackSupportMixin


class Watched(CallbackSupportMixin):
    pass


def test_callbacks_are_ignored_with_a_warning():
    with pytest.warns(SkmiWarning, match=r"scikit-learn 1\.9"):
        assert isinstance(Watched().set_callbacks(print), Watched)
    Watched().set_callbacks()  # no warning


def test_a_fit_goes_on_to_its_end():
    watched = Watched()
    context = watched._init_callback_context(max_subtasks=3)
    context.call_on_fit_task_begin(estimator=watched)
    task = context.subcontext(task_name="epoch")
    with task.propagate_callback_context(watched):
        task.call_on_fit_task_begin(estimator=watched, X=[[0.0]], y=None)
        assert not task.call_on_fit_task_end(estimator=watched)
