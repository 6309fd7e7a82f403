"""Tasks: one class for each kind of model, from building to reporting."""

from interpolants.utils.lazy import family

__getattr__, __dir__ = family(__name__)
