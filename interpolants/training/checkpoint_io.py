"""Atomic writes of checkpoints."""

from __future__ import annotations

import errno
import shutil
from pathlib import Path
from typing import Any, final

import torch
from lightning.fabric.plugins.io.checkpoint_io import CheckpointIO

from interpolants.checkpoint.reading import read_checkpoint
from interpolants.training.own_callbacks import check_state
from interpolants.utils.files import replace

# Lightning's name of the weights that a forked process returns.
_FROM_FORK = ".temp.ckpt"
# Entries of tensors, which no callback of the user adds.
_LARGE = {"state_dict", "optimizer_states", "ema", "power_ema"}


@final
class AtomicCheckpointIO(CheckpointIO):
    """Checkpoint plugin that writes beside the target, syncs to disk, then renames.

    A crash or a full disk at any moment leaves the previous file as it was.
    """

    def save_checkpoint(
        self, checkpoint: dict[str, Any], path: str | Path, storage_options: Any | None = None
    ) -> None:
        """Write `checkpoint` to `path`, replacing what was there.

        Raises:
            OSError: if the file cannot be written, with file, reason and free space.
            ValueError: if a callback keeps more than plain data, which could not be read again.
        """
        assert storage_options is None
        path = Path(path)
        _check_states(checkpoint)
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
        """Read a checkpoint to the CPU, as tensors and plain values; other arguments are unused.

        Raises:
            FileNotFoundError: if there is no such file.
            ValueError: if it is not a checkpoint of this package or is damaged.
        """
        if Path(path).name == _FROM_FORK:
            weights: dict[str, Any] = torch.load(path, map_location="cpu", weights_only=True)
            return weights
        return read_checkpoint(path, resume=True)

    def remove_checkpoint(self, path: str | Path) -> None:
        """Delete a checkpoint file, if it is there."""
        Path(path).unlink(missing_ok=True)


def _check_states(checkpoint: dict[str, Any]) -> None:
    """Require plain data from callbacks, and in the entries that they may have added."""
    for key, state in checkpoint.get("callbacks", {}).items():
        check_state(f"callbacks.{key}", state)
    for key in checkpoint.keys() - _LARGE:
        check_state(f"entry {key!r} of a checkpoint", checkpoint[key])


def _os_error(error: BaseException) -> OSError | None:
    """Error of the operating system behind `error`, which torch wraps if a write fails."""
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
    """Number of bytes of all tensors in nested containers."""
    if isinstance(value, torch.Tensor):
        return value.nbytes
    if isinstance(value, dict):
        return sum(_size(item) for item in value.values())
    if isinstance(value, (list, tuple)):
        return sum(_size(item) for item in value)
    return 0
