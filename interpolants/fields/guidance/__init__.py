"""Guidance: sampling from sharper conditional distributions than were learned."""

from interpolants.utils.lazy import family

__getattr__, __dir__ = family(__name__)
