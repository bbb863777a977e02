"""What is measured: data sets, functions of them, and how their results are compared."""

from benchmarks.cases.case import Case, Operand, matching
from benchmarks.cases.catalogue import CASES
from benchmarks.cases.data import DATASETS, SCALES, Dataset, Scale

__all__ = ["CASES", "DATASETS", "SCALES", "Case", "Dataset", "Operand", "Scale", "matching"]
