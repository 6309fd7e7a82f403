"""Controls: what a posterior adds to the noise of its prior."""

from interpolants.utils.lazy import family

__getattr__, __dir__ = family(__name__)
