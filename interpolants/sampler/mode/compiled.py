"""Blocks compiled by torch.compile."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, final

import torch
from torch import Tensor

from interpolants.sampler.mode.base import Mode
from interpolants.utils.checks import check_count


@final
class Compiled(Mode):
    """Unrolls and compiles `block` steps at once, on first use for each shape of the state.

    A compiled single step costs more in guards than it saves; sixteen amortise them. Compiling
    takes some seconds to half a minute and grows with the block. Keep one sampler and use it
    again: another process or network compiles anew. Remainders shorter than a block run eagerly.

    Args:
        block: steps to a compiled block, > 0.
    """

    def __init__(self, *, block: int = 16) -> None:
        check_count("Compiled.block", block)
        self.block: int = block
        self._compiled: Callable[..., tuple[Tensor, ...]] | None = None

    def __call__(
        self, advance: Callable[..., tuple[Tensor, ...]], *block: Any
    ) -> tuple[Tensor, ...]:
        coefficients, _ = block[2]
        if len(coefficients) < self.block:
            return advance(*block)
        if self._compiled is None:
            self._compiled = torch.compile(advance, dynamic=False)
        return self._compiled(*block)
