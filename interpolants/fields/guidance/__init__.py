"""Guidance: sampling from sharper conditional laws than were learned."""
