"""Stand-ins for the callbacks of scikit-learn 1.9, for versions without them."""

from contextlib import nullcontext
from typing import Any, Self

from skmi.exceptions import SkmiWarning, warn


class InertContext:
    """A callback context that calls nothing."""

    def subcontext(self, **kwargs: Any) -> Self:
        """Return this context, for a part of the fit."""
        return self

    def call_on_fit_task_begin(self, **kwargs: Any) -> None:
        """Do nothing."""

    def call_on_fit_task_end(self, **kwargs: Any) -> bool:
        """Return that the fit goes on."""
        return False

    def propagate_callback_context(self, estimator: Any) -> nullcontext:
        """Return a context manager that does nothing."""
        return nullcontext()


class CallbackSupportMixin:
    """Mixin with the methods of scikit-learn's, without any effect."""

    def set_callbacks(self, *callbacks: Any) -> Self:
        """Warn that callbacks are ignored."""
        if callbacks:
            warn("Callbacks need scikit-learn 1.9: they are ignored.", SkmiWarning)
        return self

    def _init_callback_context(self, *args: Any, **kwargs: Any) -> InertContext:
        return InertContext()


def with_callbacks(method):
    """Return the method as it is."""
    return method
