"""Format and version of checkpoint files."""

from __future__ import annotations

from collections.abc import Mapping
from importlib.metadata import version
from pathlib import Path
from typing import Any

from interpolants.utils.plain import brief

FORMAT = 4
"""Number of the present format, raised by one if older files would be misread or not read."""

_KEY = "interpolants"
# Files of the first format have no record.
_FIRST = {"format": 1, "version": "0.1.0, from before formats were recorded"}


def format_record() -> dict[str, Any]:
    """Record of format and package version in a checkpoint."""
    return {_KEY: {"format": FORMAT, "version": version("interpolants")}}


def check_format(content: Mapping[str, Any], path: str | Path) -> None:
    """Require a checkpoint of the present format.

    Args:
        content: content of the checkpoint.
        path: its file, for error messages.

    Raises:
        ValueError: if it has another format; files without a record have format 1.
    """
    record = content.get(_KEY, _FIRST)
    record = record if isinstance(record, Mapping) else {}
    found, writer = (brief(record.get(key)) for key in ("format", "version"))
    if found != FORMAT:
        wanted = f"format {FORMAT} (interpolants {version('interpolants')})"
        got = f"format {found} (interpolants {writer})"
        fix = "load it with that version, or train again"
        raise ValueError(f"{path}: expected a checkpoint of {wanted}, got {got}; {fix}")
