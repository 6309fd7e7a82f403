"""Execution modes: the same steps run eagerly, compiled, captured or recomputed."""

from interpolants.utils.lazy import family

__getattr__, __dir__ = family(__name__)
