"""Objectives: losses whose minimisers are the fields."""

from interpolants.utils.lazy import family

__getattr__, __dir__ = family(__name__)
