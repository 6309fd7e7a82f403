"""Samples as files."""

from __future__ import annotations

import abc
from collections.abc import Sequence
from pathlib import Path

from torch import Tensor


class Output(abc.ABC):
    """A form that samples are kept in."""

    def check(self, event_shape: Sequence[int]) -> None:
        """Raise a ValueError if samples of this shape cannot be written so."""
        return

    @abc.abstractmethod
    def write(self, x: Tensor, label: Tensor | None, folder: Path, stem: str) -> list[Path]:
        """Write samples in the place of those that were there; returns the files.

        Args:
            x: in raw units, (n, *event), on the host.
            label: of the samples, (n,) or (n, C), or None.
            folder: made if it is not there.
            stem: how the names begin.
        """
