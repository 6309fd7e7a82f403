"""Sole writer of the files of a stem."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from interpolants.utils.files import remove_leftovers
from interpolants.utils.locks import SoleUser, is_free


@contextmanager
def sole_writer(folder: Path, stem: str) -> Iterator[None]:
    """Context in which this process alone writes the files `<folder>/<stem>*`.

    Temporary files that killed processes left are deleted: those of the stem's own folders, and
    those in `folder` itself if no other stem is being written there.

    Raises:
        BlockingIOError: if another process writes them.
    """
    lock = folder / f".{stem}.lock"
    what = f"stem: expected one that no other process writes, got {folder / stem}"
    with SoleUser(lock, what, "wait for it, or choose another stem or out"):
        if all(is_free(other) for other in folder.glob(".*.lock") if other != lock):
            remove_leftovers(folder)
        for own in (folder / stem, folder / f"{stem}_chunks"):
            remove_leftovers(own)
        yield
