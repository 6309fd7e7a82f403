"""Names that shell patterns match."""

from __future__ import annotations

from collections.abc import Iterable
from fnmatch import fnmatchcase


def matches(name: str, patterns: Iterable[str]) -> bool:
    """True if a name matches one of several patterns with `*`, `?` and `[...]`."""
    return any(fnmatchcase(name, pattern) for pattern in patterns)
