"""Noise schedules of diffusions, with their integrals."""

from interpolants.utils.lazy import family

__getattr__, __dir__ = family(__name__)
