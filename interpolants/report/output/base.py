"""Output formats of samples."""

from __future__ import annotations

import abc
from collections.abc import Sequence
from pathlib import Path

from torch import Tensor


class Output(abc.ABC):
    """File format of samples."""

    def check(self, event_shape: Sequence[int]) -> None:
        """Raise a ValueError if samples of this shape cannot be written in this format."""
        return

    @abc.abstractmethod
    def write(self, x: Tensor, label: Tensor | None, folder: Path, stem: str) -> list[Path]:
        """Write samples, replacing earlier ones; returns the files.

        Args:
            x: samples in raw units, (n, *event), on the host.
            label: labels of the samples, (n,) or (n, C), or None.
            folder: folder of the files, created if needed.
            stem: stem of the file names.
        """
