"""Diagnostics of learned fields: how far they are from gradients, and the part that matters."""

from interpolants.utils.lazy import family

__getattr__, __dir__ = family(__name__)
