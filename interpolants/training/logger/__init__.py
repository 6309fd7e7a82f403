"""Loggers of training."""

from interpolants.utils.lazy import family

__getattr__, __dir__ = family(__name__)
