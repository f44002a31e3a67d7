"""Hypothesis tests, confidence intervals and consistency checks for any estimator."""

from skmi.inference.causal import (
    ConditionalTest,
    as_causallearn,
    as_tigramite,
    ci_test,
)
from skmi.inference.conditional import (
    ConditionalTestResult,
    conditional_independence_test,
)
from skmi.inference.consistency import (
    ConsistencyCheck,
    SelfConsistencyResult,
    self_consistency,
)
from skmi.inference.independence import independence_test
from skmi.inference.intervals import ConfidenceInterval, confidence_interval
from skmi.inference.permutation import PermutationTestResult, permutation_test

__all__ = [
    "ConditionalTest",
    "ConditionalTestResult",
    "ConfidenceInterval",
    "ConsistencyCheck",
    "PermutationTestResult",
    "SelfConsistencyResult",
    "as_causallearn",
    "as_tigramite",
    "ci_test",
    "conditional_independence_test",
    "confidence_interval",
    "independence_test",
    "permutation_test",
    "self_consistency",
]
