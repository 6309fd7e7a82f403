"""Packages that some files need, imported when one is read."""

from __future__ import annotations

from typing import Any

from interpolants.utils.checks import check


def need_arrow(where: str) -> Any:
    """The module pyarrow, which reads tables.

    Args:
        where: `Class.argument` of the file, for error messages.

    Raises:
        ValueError: with the command that installs it, if it is not installed.
    """
    try:
        import pyarrow
    except ImportError:
        fix = "run `pip install pyarrow`"
        check(False, where, "the package pyarrow, which reads tables", "none", fix)
        raise
    return pyarrow
