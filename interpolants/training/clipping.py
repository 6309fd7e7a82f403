"""Gradient clipping by the norm of all gradients together."""

from __future__ import annotations

import torch
from torch import nn


def clip_gradients(parameters: list[nn.Parameter], largest: float) -> None:
    """Scale gradients so that their joint norm is at most `largest`.

    `nn.utils.clip_grad_norm_` without its grouping by device, which costs a tiny network more
    than the clipping itself; all gradients are on one device, in one dtype.
    """
    gradients = [p.grad for p in parameters if p.grad is not None]
    norm = torch.stack(torch._foreach_norm(gradients)).norm()
    torch._foreach_mul_(gradients, (largest / (norm + 1e-6)).clamp_(max=1.0))
