"""The communication budget of every function: what it may cost, as formulas that need neither torch nor MPI.

``BUDGETS["cumulative_sum"]`` is the ``Formula`` of a function: its ``text`` stands in the function's docstring, its
``steps`` and ``memory`` bound what one rank communicates and allocates for a ``Problem``. Tests hold the library to
them, and the scaling model evaluates them at numbers of ranks that no test reaches.
"""

from benchmarks.budgets.problem import Formula, Limits, Operand, Problem, Step, held
from benchmarks.budgets.table import BUDGETS, METHODS

__all__ = ["BUDGETS", "METHODS", "Formula", "Limits", "Operand", "Problem", "Step", "held"]
