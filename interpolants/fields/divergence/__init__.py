"""Divergences of fields: exact, or estimated by random probes."""

from interpolants.utils.lazy import family

__getattr__, __dir__ = family(__name__)
