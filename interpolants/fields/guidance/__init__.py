"""Guidance: sampling from sharper conditional distributions than were learned."""
