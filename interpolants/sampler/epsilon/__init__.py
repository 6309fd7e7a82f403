"""Diffusivities epsilon(t) of generative SDEs, chosen after training."""

from interpolants.utils.lazy import family

__getattr__, __dir__ = family(__name__)
