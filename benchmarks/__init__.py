"""Measurements of array_api_dist, and the model that scales them up."""
