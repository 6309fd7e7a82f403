"""The type of functions that log progress."""

from __future__ import annotations

import sys
from collections.abc import Callable

Log = Callable[[str], None]
"""Takes a line of progress."""


def silent(line: str) -> None:
    """Log nothing."""


def to_stderr(line: str) -> None:
    """Print a line for the user, apart from results."""
    print(line, file=sys.stderr, flush=True)
