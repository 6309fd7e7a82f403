"""Metrics: distances between generated and real samples."""

from interpolants.utils.lazy import family

__getattr__, __dir__ = family(__name__)
