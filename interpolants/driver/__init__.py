"""Drivers: Brownian and fractional Brownian noise, and estimates of the Hurst index."""

from interpolants.utils.lazy import family

__getattr__, __dir__ = family(
    __name__,
    "estimate.exact_likelihood",
    "estimate.markov_likelihood",
    "estimate.variogram_hurst",
    "weights.optimal_weights",
)
