"""The official array-api-tests suite under mpirun, and what keeps the ranks of a test run together."""
