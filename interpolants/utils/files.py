"""Atomic file writes."""

from __future__ import annotations

import os
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path
from typing import IO, Any
from uuid import uuid4


def replace(path: str | Path, write: Callable[[IO[bytes]], Any], *, sync: bool = False) -> None:
    """Write a file atomically: to a temporary file beside it, which is then renamed.

    If writing fails, or the process is killed, the previous file stays as it was. The
    temporary file is in the same folder because a rename is atomic within one file system only.

    Args:
        path: the file; its folder is created.
        write: called with the open file, writes all of it.
        sync: whether to force the content and the rename to disk, so that they survive a power
            cut.

    Raises:
        OSError: if the file cannot be written. No temporary file is left, whatever `write` raises.
    """
    path = Path(path)
    path.parent.mkdir(parents=True, exist_ok=True)
    temporary = path.with_name(f".{path.name}.{uuid4().hex}")
    try:
        with open(temporary, "wb") as file:
            write(file)
            if sync:
                file.flush()
                os.fsync(file.fileno())
        os.replace(temporary, path)
    except BaseException:
        # The error of `write` is the one to report.
        with suppress(OSError):
            temporary.unlink(missing_ok=True)
        raise
    if sync:
        _sync_folder(path.parent)


def remove_leftovers(folder: str | Path, name: str = "*") -> None:
    """Delete the temporary files that killed processes left in a folder.

    No other process may be writing them.

    Args:
        folder: the folder, which need not exist.
        name: name of the file that they were to become; any if "*".
    """
    for path in Path(folder).glob(f".{name}.{'[0-9a-f]' * 32}"):
        path.unlink(missing_ok=True)


def _sync_folder(folder: Path) -> None:
    """Make a rename in `folder` survive a power cut, where folders can be synchronised."""
    if os.name != "posix":
        return
    descriptor = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)
