"""Likelihoods: log densities of the distributions that samplers draw from."""

from interpolants.utils.lazy import family

__getattr__, __dir__ = family(__name__)
