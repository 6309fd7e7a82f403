"""Sizes of what compressed files hold, checked before memory is taken."""

from __future__ import annotations

from pathlib import Path

from interpolants.utils.checks import check

# Photographs, tables and drawings shrink up to a hundredfold; zeros, a thousandfold.
_TIMES, _ALWAYS = 100, 2**26


def check_size(where: str, path: Path, size: int) -> None:
    """Require that a file holds at most 100 times its own size, or 64 MiB.

    Args:
        where: `Class.argument`, for error messages.
        path: the file.
        size: bytes that it says it holds.

    Raises:
        ValueError: if it is more.
    """
    most = max(_TIMES * path.stat().st_size, _ALWAYS)
    fix = "if that is right, unpack it, or save it without compression"
    check(size <= most, where, f"at most {most} bytes in {path}", size, fix)
