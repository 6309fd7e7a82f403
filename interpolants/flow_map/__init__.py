"""Flow maps: how well they keep their conditions, and reports on them."""

from interpolants.utils.lazy import family

__getattr__, __dir__ = family(__name__)
