"""A call of every function, method and attribute of the standard: what it takes, drawn by Hypothesis, on any namespace."""

from __future__ import annotations

from cases.arrays import ARRAY_CASES, imported
from cases.drawing import (
    Case,
    Example,
    Source,
    Values,
    assert_identical,
    assert_same,
    assert_same_but_the_last_bit,
)
from cases.elementwise import ELEMENTWISE_CASES
from cases.fourier import FOURIER_CASES
from cases.matrices import MATRIX_CASES
from cases.metadata import METADATA_CASES
from cases.moving import MOVING_CASES
from cases.queries import QUERY_CASES
from cases.refusals import REFUSALS, Refusal

CASES: list[Case] = [
    *ELEMENTWISE_CASES,
    *MOVING_CASES,
    *QUERY_CASES,
    *MATRIX_CASES,
    *FOURIER_CASES,
    *ARRAY_CASES,
    *METADATA_CASES,
]

__all__ = [
    "CASES",
    "REFUSALS",
    "Case",
    "Example",
    "Refusal",
    "Source",
    "Values",
    "assert_identical",
    "assert_same",
    "assert_same_but_the_last_bit",
    "imported",
]
