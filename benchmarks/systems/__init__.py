"""The systems that are measured: how each gets its arrays, and what its words for the functions are.

Each file runs in its system's own virtual environment, which has NumPy besides. Functions that a system does not have
are not in its table.
"""
