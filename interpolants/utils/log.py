"""The type of functions that log progress."""

from __future__ import annotations

from collections.abc import Callable

Log = Callable[[str], None]
"""Takes a line of progress."""


def silent(line: str) -> None:
    """Log nothing."""
