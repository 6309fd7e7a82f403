"""Encoders: from observations to what conditions a posterior."""

from interpolants.utils.lazy import family

__getattr__, __dir__ = family(__name__)
