"""Neural SDEs: latent models of time series, driven by Brownian or fractional noise."""

from interpolants.utils.lazy import family

__getattr__, __dir__ = family(__name__)
