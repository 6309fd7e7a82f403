"""Time grids of samplers."""

from interpolants.utils.lazy import family

__getattr__, __dir__ = family(__name__)
