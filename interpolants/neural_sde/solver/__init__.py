"""Solvers of equations driven by noise with memory."""

from interpolants.utils.lazy import family

__getattr__, __dir__ = family(__name__)
