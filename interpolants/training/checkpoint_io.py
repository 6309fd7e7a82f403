"""Checkpoints written so that a file under its final name is always whole."""

from __future__ import annotations

import errno
import shutil
from pathlib import Path
from typing import Any, final

import torch
from lightning.fabric.plugins.io.checkpoint_io import CheckpointIO

from interpolants.checkpoint.reading import read_checkpoint
from interpolants.utils.files import replace

# What Lightning calls the weights that a forked process hands back.
_FROM_FORK = ".temp.ckpt"


@final
class AtomicCheckpointIO(CheckpointIO):
    """Writes beside the target, forces that to disk, then renames it.

    A crash or a full disk at any moment leaves the previous file as it was.
    """

    def save_checkpoint(
        self, checkpoint: dict[str, Any], path: str | Path, storage_options: Any | None = None
    ) -> None:
        """Write `checkpoint` to `path`, replacing what was there.

        Raises:
            OSError: if the file cannot be written; names the file, the reason and the space left.
        """
        assert storage_options is None
        path = Path(path)
        try:
            replace(path, lambda file: torch.save(checkpoint, file), sync=True)
        except (OSError, RuntimeError) as error:
            cause = _os_error(error)
            if cause is None:
                raise
            raise OSError(cause.errno, _message(path, cause, checkpoint)) from error

    def load_checkpoint(
        self,
        path: str | Path,
        map_location: Any | None = None,
        weights_only: bool | None = None,
    ) -> dict[str, Any]:
        """Read a checkpoint onto the CPU, whatever the arguments: tensors and plain values only.

        Raises:
            FileNotFoundError: if there is no such file.
            ValueError: if it is not one of ours or is damaged.
        """
        if Path(path).name == _FROM_FORK:
            weights: dict[str, Any] = torch.load(path, map_location="cpu", weights_only=True)
            return weights
        return read_checkpoint(path)

    def remove_checkpoint(self, path: str | Path) -> None:
        """Delete a checkpoint file, if it is there."""
        Path(path).unlink(missing_ok=True)


def _os_error(error: BaseException) -> OSError | None:
    """The operating system's error behind `error`: torch reports a failed write in its own."""
    found: BaseException | None = error
    while found is not None and not isinstance(found, OSError):
        if not isinstance(found, RuntimeError):
            return None
        found = found.__context__
    return found


def _message(path: Path, cause: OSError, checkpoint: dict[str, Any]) -> str:
    text = f"{path}: the checkpoint could not be written ({cause.strerror or cause})"
    if cause.errno in (errno.ENOSPC, errno.EDQUOT):
        free = shutil.disk_usage(path.parent).free
        text += f"; it needs {_size(checkpoint) / 1e6:.1f} MB and {free / 1e6:.1f} MB are free"
    return f"{text}; an earlier file of this name is unchanged"


def _size(value: object) -> int:
    """Bytes of all tensors in nested containers."""
    if isinstance(value, torch.Tensor):
        return value.nbytes
    if isinstance(value, dict):
        return sum(_size(item) for item in value.values())
    if isinstance(value, (list, tuple)):
        return sum(_size(item) for item in value)
    return 0
