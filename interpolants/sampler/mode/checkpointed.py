"""Blocks whose inner states are recomputed in the backward pass."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, final

from torch import Tensor
from torch.utils.checkpoint import checkpoint

from interpolants.sampler.mode.base import Mode
from interpolants.utils.checks import check_count


@final
class Checkpointed(Mode):
    """Gradients through the loop in the memory of one block and one state for each block.

    Normals are drawn before a block, so that its second run is the first.

    Args:
        block: steps to a block, > 0; memory is least near the root of the number of steps.
    """

    def __init__(self, *, block: int = 8) -> None:
        check_count("Checkpointed.block", block)
        self.block: int = block

    def __call__(
        self, advance: Callable[..., tuple[Tensor, ...]], *block: Any
    ) -> tuple[Tensor, ...]:
        carry: tuple[Tensor, ...] = checkpoint(advance, *block, use_reentrant=False)
        return carry
