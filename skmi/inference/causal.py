"""Tests of conditional independence for routines that learn causal graphs."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager
from itertools import count
from typing import Any

import numpy as np
from numpy.typing import ArrayLike

from skmi._core.sklearn_compat import Integral
from skmi._data.columns import column_names
from skmi._data.condition import labelled_table
from skmi._data.validation import chosen_columns
from skmi.inference._resampling import require_block_length, require_count
from skmi.inference.conditional import conditional_independence_test
from skmi.inference.independence import independence_test
from skmi.inference.permutation import PermutationTestResult

__all__ = ["ConditionalTest", "as_causallearn", "as_tigramite", "ci_test"]

NUMBERS = count(1)  # of the tests that causal-learn knows


class ConditionalTest:
    """Test of the conditional independence of columns of a table.

    Of the hypothesis :math:`I(X_i; X_j | X_S) = 0`. Made by :func:`ci_test`; calling it
    with the numbers, or names, of two columns and those of the columns given returns
    the p-value.

    Parameters
    ----------
    columns : list of ndarrays of shape (n_samples,)
        The columns: numbers, or labels as text.
    options : dict
        Parameters of the tests.
    names : sequence of str, default=()
        Names of the columns, by which they can be called as well.

    Notes
    -----
    P-values are kept: the same question is answered once.

    Examples
    --------
    >>> import numpy as np
    >>> from skmi.inference import ConditionalTest
    >>> x, y = np.random.RandomState(0).standard_normal((2, 100))
    >>> test = ConditionalTest([x, y], {"n_permutations": 99, "random_state": 0})
    >>> test(0, 1) > 0.05
    True
    """

    def __init__(
        self,
        columns: list[np.ndarray],
        options: dict[str, Any],
        names: Sequence[str] = (),
    ) -> None:
        self.columns, self.options, self.names = columns, options, list(names)
        self._pvalues: dict[tuple, float] = {}

    @property
    def shape(self) -> tuple[int, int]:
        """Number of samples and of columns."""
        return len(self.columns[0]), len(self.columns)

    def __call__(
        self,
        X: int | str,
        Y: int | str,
        condition_set: Iterable[int | str] | int | str | None = None,
    ) -> float:
        """Return the p-value of two columns, given others.

        Parameters
        ----------
        X, Y : int or str
            Numbers or names of the two columns.
        condition_set : iterable of int or str, int or str, default=None
            Numbers or names of the columns given.

        Returns
        -------
        float
            The p-value.

        Raises
        ------
        ValueError
            If there is no such column, or one occurs twice among X, Y and those given.
        """
        given = () if condition_set is None else condition_set
        if isinstance(given, (str, Integral)):
            given = [given]
        pair = sorted((self._number_of(X), self._number_of(Y)))
        given = sorted({self._number_of(column) for column in given})
        key = (*pair, *given)
        if len(set(key)) < len(key):
            raise ValueError(
                f"X={X!r}, Y={Y!r} and condition_set={condition_set!r} have a column "
                "in common; a column can be tested against others, given others alone."
            )
        if key not in self._pvalues:
            x, y, *rest = (self.columns[k] for k in key)
            self._pvalues[key] = run_test(x, y, rest, self.options).pvalue
        return self._pvalues[key]

    def _number_of(self, column: Any) -> int:
        """Return the number of a column, given that or its name."""
        if isinstance(column, str) and column in self.names:
            return self.names.index(column)
        if isinstance(column, Integral) and 0 <= column < len(self.columns):
            return int(column)
        raise ValueError(
            f"There is no column {column!r}; pass a number from 0 to "
            f"{len(self.columns) - 1}, or one of the names {self.names} of a table."
        )


def run_test(
    x: np.ndarray, y: np.ndarray, given: list[np.ndarray], options: dict[str, Any]
) -> PermutationTestResult:
    """Test two variables, given columns, if there are any."""
    if not given:
        return independence_test(x, y, **options)
    return conditional_independence_test(x, y, joined(given), **options)


def ci_test(
    data: ArrayLike,
    *,
    discrete_features: ArrayLike | None = None,
    n_permutations: int = 200,
    block_length: int | None = None,
    random_state: int | None = 0,
) -> ConditionalTest:
    """Make a test of conditional independence of the columns of a table.

    Of the hypothesis :math:`I(X_i; X_j | X_S) = 0`, for columns i and j and a set S of
    others.

    Parameters
    ----------
    data : array-like of shape (n_samples, n_columns)
        The table. Columns of strings, categories and booleans are labels.
    discrete_features : array-like of bool, int or str, default=None
        Further columns whose numbers are codes of labels: a mask, their numbers or
        their names in a table.
    n_permutations : int, default=200
        Number of permutations, and of draws of random signs; p is at least one divided
        by this and one.
    block_length : int, default=None
        For series: number of consecutive samples in a block.
    random_state : int or None, default=0
        Seed of each test.

    Returns
    -------
    ConditionalTest
        ``test(i, j, given)`` returns the p-value, for numbers or names of columns: by
        :func:`conditional_independence_test`, and by :func:`independence_test` where
        nothing is given.

    Raises
    ------
    ValueError
        If a parameter is out of range.

    See Also
    --------
    as_causallearn, as_tigramite : The test in the form of other packages.

    Notes
    -----
    The p-values of many tests are not adjusted for their number; routines that learn
    graphs do not expect it.

    Examples
    --------
    >>> import numpy as np
    >>> from skmi.inference import ci_test
    >>> a, noise, other = np.random.RandomState(0).standard_normal((3, 300))
    >>> test = ci_test(np.column_stack([a, a + noise, a + noise + other]))
    >>> test(0, 2) < 0.05, test(0, 2, [1]) > 0.05
    (True, True)
    """
    require_count("n_permutations", n_permutations, 1)
    require_block_length(block_length)
    if random_state is not None and not isinstance(random_state, Integral):
        raise ValueError(
            f"random_state={random_state!r} must be a whole number or None: each test "
            "starts from it."
        )
    names = column_names(data)
    if np.ndim(data) == 1:
        raise ValueError("data has one dimension; pass a table of two columns or more.")
    table, is_label = labelled_table(data, "data")
    if discrete_features is not None:
        is_label = is_label | chosen_columns(discrete_features, len(is_label), names)
    columns = [
        as_labels(column) if label else column.astype(float)
        for column, label in zip(table.T, is_label, strict=True)
    ]
    options = {
        "n_permutations": n_permutations,
        "block_length": block_length,
        "random_state": random_state,
    }
    return ConditionalTest(columns, options, names)


def as_causallearn(test: ConditionalTest) -> str:
    """Make a test of :math:`I(X_i; X_j | X_S) = 0` known to causal-learn.

    Parameters
    ----------
    test : ConditionalTest
        From :func:`ci_test`.

    Returns
    -------
    str
        The name to pass as ``indep_test``. The data of causal-learn must be an array of
        the same shape, with any codes for labels; only the test reads its values.

    Raises
    ------
    ImportError
        If causal-learn is not installed: ``pip install skmi[causal]``.

    See Also
    --------
    as_tigramite : The same for series.

    Notes
    -----
    The table of the test stays in memory, for causal-learn keeps the name.

    Examples
    --------
    >>> from skmi.inference import as_causallearn, ci_test  # doctest: +SKIP
    >>> from causallearn.search.ConstraintBased.PC import pc  # doctest: +SKIP
    >>> pc(codes, 0.05, as_causallearn(ci_test(table)))  # doctest: +SKIP
    """
    require_test(test)
    with hint_of_install("causal-learn"):
        from causallearn.utils.cit import CIT_Base, register_ci_test

    class CausalLearnTest(CIT_Base):
        """The test in the form of causal-learn."""

        def __init__(self, data, **options):
            if np.shape(data) != test.shape:
                raise ValueError(
                    f"The data of causal-learn have shape {np.shape(data)}, those of "
                    f"the test {test.shape}; pass the same samples to both."
                )
            super().__init__(np.asarray(data), **options)
            self.method = "skmi"

        def __call__(self, X, Y, condition_set=None):
            return test(X, Y, condition_set)

    name = f"skmi_{next(NUMBERS)}"
    register_ci_test(name, CausalLearnTest)
    return name


def as_tigramite(test: ConditionalTest) -> Any:
    """Return a test of :math:`I(X_i; X_j | X_S) = 0` in the form of tigramite.

    Parameters
    ----------
    test : ConditionalTest
        From :func:`ci_test`, whose parameters are taken. Its data are not: those of
        tigramite are, which adds lags.

    Returns
    -------
    CondIndTest
        An object to pass as ``cond_ind_test``. Variables whose `data_type` of the data
        frame of tigramite is 1 are labels.

    Raises
    ------
    ImportError
        If tigramite is not installed: ``pip install skmi[causal]``.

    See Also
    --------
    as_causallearn : The same for samples that are independent.

    Notes
    -----
    Where nothing is given, p-values of series are too small without `block_length`.

    Examples
    --------
    >>> from skmi.inference import as_tigramite, ci_test  # doctest: +SKIP
    >>> from tigramite.pcmci import PCMCI  # doctest: +SKIP
    >>> test = as_tigramite(ci_test(series))  # doctest: +SKIP
    >>> PCMCI(dataframe=frame, cond_ind_test=test).run_pcmci()  # doctest: +SKIP
    """
    require_test(test)
    with hint_of_install("tigramite"):
        from tigramite.independence_tests.independence_tests_base import CondIndTest

    class TigramiteTest(CondIndTest):
        """The test in the form of tigramite."""

        measure = "skmi"
        two_sided = residual_based = recycle_residuals = False

        def __init__(self):
            self._last = None, None
            super().__init__(significance="shuffle_test")

        def get_dependence_measure(self, array, xyz, data_type=None):
            return self._run(array, xyz, data_type).statistic

        def get_shuffle_significance(
            self, array, xyz, value, data_type=None, return_null_dist=False
        ):
            result = self._run(array, xyz, data_type)
            null = result.null_distribution
            return (result.pvalue, null) if return_null_dist else result.pvalue

        def _run(self, array, xyz, data_type):
            """Run the test once for the statistic and the p-value."""
            if self._last[0] is not array:
                is_label = np.zeros(len(array), dtype=bool)
                if data_type is not None:
                    is_label = np.asarray(data_type).any(axis=1)
                rows = [
                    as_labels(row) if label else row
                    for row, label in zip(array, is_label, strict=True)
                ]
                x, y, given = (
                    [row for row, side in zip(rows, xyz, strict=True) if side == k]
                    for k in range(3)
                )
                result = run_test(joined(x), joined(y), given, test.options)
                self._last = array, result
            return self._last[1]

    return TigramiteTest()


def require_test(test: Any) -> None:
    """Raise for what is no test of columns."""
    if not isinstance(test, ConditionalTest):
        raise TypeError(
            f"test is a {type(test).__name__}; pass what skmi.inference.ci_test(data) "
            "returns."
        )


@contextmanager
def hint_of_install(package: str) -> Iterator[None]:
    """Add to the error of a missing package how to install it."""
    try:
        yield
    except ImportError as error:
        raise ImportError(
            f"{package} is needed, and could not be imported ({error}): "
            "pip install skmi[causal]"
        ) from error


def joined(columns: list[np.ndarray]) -> np.ndarray:
    """Return columns side by side; one alone as a vector."""
    if len(columns) == 1:
        return columns[0]
    labelled = any(column.dtype.kind == "U" for column in columns)
    kind = object if labelled else float
    return np.column_stack([column.astype(kind) for column in columns])


def as_labels(codes: np.ndarray) -> np.ndarray:
    """Return labels as text that no one takes for numbers."""
    return np.char.add("label ", codes.astype(str))
