"""Data sets: closed-form distributions, bundled and downloaded sets, and your own files."""

from interpolants.utils.lazy import family

__getattr__, __dir__ = family(__name__)
