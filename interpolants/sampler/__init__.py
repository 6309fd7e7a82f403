"""Samplers: from fields to samples, by a process, a solver and a grid."""

from interpolants.utils.lazy import family

__getattr__, __dir__ = family(__name__)
