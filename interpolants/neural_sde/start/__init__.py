"""Initial states: their distribution in the prior and in the posterior."""

from interpolants.utils.lazy import family

__getattr__, __dir__ = family(__name__)
