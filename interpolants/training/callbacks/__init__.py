"""Callbacks that a run takes on request, `callbacks=[...]`."""

from interpolants.utils.lazy import family

__getattr__, __dir__ = family(__name__)
