"""Statistics, distances, k-means and the lasso on arrays of any namespace of the Array API standard."""

from array_api_dist_ml.cluster import KMeans, initial_centers

__all__ = ["KMeans", "initial_centers"]
