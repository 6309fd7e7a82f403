"""Eager execution, one operation after the other."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any, final

from torch import Tensor

from interpolants.sampler.mode.base import Mode


@final
@dataclass(frozen=True, kw_only=True)
class Eager(Mode):
    """Plain PyTorch, the default."""

    block: int | None = field(default=None, init=False)

    def __call__(
        self, advance: Callable[..., tuple[Tensor, ...]], *block: Any
    ) -> tuple[Tensor, ...]:
        return advance(*block)
