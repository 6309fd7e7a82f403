"""Checkpoints written so that a file under its final name is always whole."""

from __future__ import annotations

import errno
import os
import shutil
from pathlib import Path
from typing import Any, final

import torch
from lightning.fabric.plugins.io.checkpoint_io import CheckpointIO

from interpolants.checkpoint import read_checkpoint


@final
class AtomicCheckpointIO(CheckpointIO):
    """Writes to a temporary file in the target's folder, forces it to disk, then renames it.

    A crash or a full disk at any moment leaves the previous file as it was. The temporary file
    lies in the target's own folder because a rename is atomic within one file system only.
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
        temporary = path.with_name(f"{path.name}.tmp-{os.getpid()}")
        try:
            path.parent.mkdir(parents=True, exist_ok=True)
            with open(temporary, "wb") as file:
                torch.save(checkpoint, file)
                file.flush()
                os.fsync(file.fileno())
            os.replace(temporary, path)
        except BaseException as error:
            _remove(temporary)
            cause = _os_error(error)
            if cause is None:
                raise
            raise OSError(cause.errno, _message(path, cause, checkpoint)) from error
        _sync_folder(path.parent)

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


def _remove(path: Path) -> None:
    try:
        path.unlink(missing_ok=True)
    except OSError:
        # The error that made the file useless is the one to report.
        pass


def _sync_folder(folder: Path) -> None:
    """Make a rename in `folder` survive a power cut, where folders can be synchronised."""
    if os.name != "posix":
        return
    descriptor = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)
