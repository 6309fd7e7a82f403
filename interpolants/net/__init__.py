"""Networks of time, state and condition, and the blocks they are built from."""

from interpolants.utils.lazy import family

__getattr__, __dir__ = family(__name__)
