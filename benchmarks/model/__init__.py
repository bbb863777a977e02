"""Scaling on paper: times of every function, and of the paper's workloads, for up to 65,536 ranks.

The budgets say how often and how much is communicated, a machine's figures what that costs.
"""
