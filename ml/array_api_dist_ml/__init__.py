"""Statistics, distances, k-means and the lasso on arrays of any namespace of the Array API standard."""

from array_api_dist_ml.cluster import KMeans, initial_centers
from array_api_dist_ml.distances import cdist, nearest
from array_api_dist_ml.histograms import histogram
from array_api_dist_ml.linear_model import Lasso, lasso_path
from array_api_dist_ml.quantiles import median, quantile
from array_api_dist_ml.statistics import (
    Description,
    corrcoef,
    cov,
    describe,
    kurtosis,
    mean,
    skewness,
    std,
    var,
)

__all__ = [
    "Description",
    "KMeans",
    "Lasso",
    "cdist",
    "corrcoef",
    "cov",
    "describe",
    "histogram",
    "initial_centers",
    "kurtosis",
    "lasso_path",
    "mean",
    "median",
    "nearest",
    "quantile",
    "skewness",
    "std",
    "var",
]
