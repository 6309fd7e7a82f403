"""The format of checkpoint files, and who wrote one."""

from __future__ import annotations

from collections.abc import Mapping
from importlib.metadata import version
from pathlib import Path
from typing import Any

FORMAT = 2
"""Raised by one whenever a file that was written before would be read wrongly or not at all."""

_KEY = "interpolants"


def format_record() -> dict[str, Any]:
    """What a checkpoint says of itself: its format, and the version that wrote it."""
    return {_KEY: {"format": FORMAT, "version": version("interpolants")}}


def check_format(content: Mapping[str, Any], path: str | Path) -> None:
    """Require a checkpoint of the present format.

    Args:
        content: of the checkpoint.
        path: its file, for the error.

    Raises:
        ValueError: if it has another format; files without a record have format 1.
    """
    record = content.get(_KEY, {"format": 1, "version": "0.1.0 before formats were recorded"})
    found, writer = record["format"], record["version"]
    if found != FORMAT:
        wanted = f"format {FORMAT}, of interpolants {version('interpolants')}"
        got = f"format {found}, of interpolants {writer}"
        fix = "load it with that version, or train again"
        raise ValueError(f"{path}: expected a checkpoint of {wanted}, got {got}; {fix}")
