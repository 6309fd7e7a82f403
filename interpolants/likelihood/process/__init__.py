"""Processes that accumulate log densities and other quantities along their paths."""

from interpolants.utils.lazy import family

__getattr__, __dir__ = family(__name__)
