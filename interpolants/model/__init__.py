"""Models: sampling and log densities of a trained interpolant, in the units of the data."""

from interpolants.utils.lazy import family

__getattr__, __dir__ = family(__name__, "table.table_of")
