"""Execution modes of a block of steps."""

from __future__ import annotations

import abc
from collections.abc import Callable
from typing import Any

from torch import Tensor


class Mode(abc.ABC):
    """Runs blocks of steps; what they compute is the same in every mode.

    Attributes:
        block: most steps to a block, whose normals are drawn together before it; None for as
            many as there are between kept states, with normals drawn as they are needed.
    """

    block: int | None

    @abc.abstractmethod
    def __call__(
        self, advance: Callable[..., tuple[Tensor, ...]], *block: Any
    ) -> tuple[Tensor, ...]:
        """Return `advance(*block)`, with the arguments of `integrate.advance`."""
