"""Files of features, made once."""

from __future__ import annotations

import zipfile
from collections.abc import Callable
from pathlib import Path
from typing import Any

import torch

from interpolants.utils.files import remove_leftovers, replace
from interpolants.utils.locks import SoleUser
from interpolants.utils.log import to_stderr


def cached(file: Path, make: Callable[[], Any]) -> Any:
    """Content of a cache file, made and written if there is none or it is damaged.

    One process makes it; others that need the same file wait for that.

    Args:
        file: the cache file.
        make: computes the content, tensors and plain data.

    Returns:
        The content, with memory-mapped tensors, so that metrics and processes share them.
    """
    if not _is_whole(file):
        lock = file.with_name(f".{file.name}.lock")
        with SoleUser(lock, f"features: expected the use of {file}", wait=True):
            remove_leftovers(file.parent, file.name)
            if not _is_whole(file):
                if file.exists():
                    to_stderr(f"{file}: damaged, and made again")
                content = make()
                replace(file, lambda out: torch.save(content, out), sync=True)
    return torch.load(file, map_location="cpu", weights_only=True, mmap=True)


def _is_whole(file: Path) -> bool:
    """True if every byte of an archive agrees with its checksum, which torch does not ask."""
    try:
        with zipfile.ZipFile(file) as archive:
            return archive.testzip() is None
    except Exception:  # a damaged archive may raise anything
        return False
