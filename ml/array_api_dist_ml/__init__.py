"""Statistics, distances, k-means and LASSO on any array namespace."""
