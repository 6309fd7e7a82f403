"""Gradient checkpointing of blocks."""

from __future__ import annotations

from typing import Any

import torch
from torch import Tensor, nn
from torch.autograd import forward_ad
from torch.backends.cuda import flash_sdp_enabled
from torch.nn.attention import SDPBackend, sdpa_kernel
from torch.utils.checkpoint import checkpoint


def run(part: nn.Module, *inputs: Any, again: bool) -> Tensor:
    """Evaluate a block, with gradient checkpointing if requested.

    Its activations are then recomputed in the backward pass instead of kept. Outside of training
    and without gradients there is nothing to save; forward-mode derivatives do not allow it.
    """
    saves = again and part.training and torch.is_grad_enabled()
    if not saves or forward_ad._current_level >= 0:
        out: Tensor = part(*inputs)
        return out
    # The backward pass may be outside of the context that chose the kernel of attention here.
    fused = torch.compiler.is_compiling() or flash_sdp_enabled()  # type: ignore[no-untyped-call]
    inputs = (part, *inputs)
    out = checkpoint(_call if fused else _call_plain, *inputs, use_reentrant=False)
    return out


def _call(part: nn.Module, *inputs: Any) -> Any:
    return part(*inputs)


def _call_plain(part: nn.Module, *inputs: Any) -> Any:
    with sdpa_kernel(SDPBackend.MATH):
        return part(*inputs)
