"""Couplings: which x0 is paired with which x1."""

from interpolants.utils.lazy import family

__getattr__, __dir__ = family(__name__)
