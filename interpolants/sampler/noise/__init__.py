"""Sources of the standard normals that solvers use."""

from interpolants.utils.lazy import family

__getattr__, __dir__ = family(__name__)
