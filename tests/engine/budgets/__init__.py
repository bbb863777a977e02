"""How every function is called to hold it to its budget: cases by chapter, measuring, and the table of the outcome."""

from __future__ import annotations

from budgets.elements import CASES as ELEMENTS
from budgets.measure import Case
from budgets.methods import CASES as METHOD_CASES
from budgets.products import CASES as PRODUCTS
from budgets.queries import CASES as QUERIES

FUNCTION_CASES: dict[str, list[Case]] = {**ELEMENTS, **QUERIES, **PRODUCTS}

__all__ = ["FUNCTION_CASES", "METHOD_CASES", "Case"]
