"""Latent noise levels gamma(t) of two-sided paths."""

from interpolants.utils.lazy import family

__getattr__, __dir__ = family(__name__)
