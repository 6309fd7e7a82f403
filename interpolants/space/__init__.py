"""Spaces: charts in which networks see the data."""

from interpolants.utils.lazy import family

__getattr__, __dir__ = family(__name__)
