"""Divergences of fields: exact, or estimated by random probes."""
