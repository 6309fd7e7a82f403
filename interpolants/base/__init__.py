"""Bases: the distribution of x0, from which samples start."""

from interpolants.utils.lazy import family

__getattr__, __dir__ = family(__name__)
