"""Norm of the gradient, and clipping by it."""

from __future__ import annotations

import torch
from torch import Tensor, nn
from torch.distributed.tensor import DTensor


def gradient_norm(parameters: list[nn.Parameter]) -> Tensor:
    """Global norm of all gradients, 0-d; of sharded ones by a call on all processes."""
    gradients = [p.grad for p in parameters if p.grad is not None]
    norm = nn.utils.get_total_norm(gradients)
    return norm.full_tensor() if isinstance(norm, DTensor) else norm


def clip_gradients(parameters: list[nn.Parameter], largest: float) -> None:
    """Scale gradients so that their global norm is at most `largest`.

    It does the same as `nn.utils.clip_grad_norm_`, for gradients on one device in one dtype. On a
    CPU, where a step of a tiny network takes as long as a few dozen operations, the norm is
    computed on one copy of all gradients and read, so that small gradients need no scaling.
    """
    gradients = [p.grad for p in parameters if p.grad is not None]
    if isinstance(gradients[0], DTensor):
        nn.utils.clip_grad_norm_(parameters, largest)
        return
    if gradients[0].is_cpu:
        norm = torch.linalg.vector_norm(torch.cat([g.view(-1) for g in gradients]))
        if norm.item() <= largest:
            return
    else:
        norm = torch.linalg.vector_norm(torch.stack(torch._foreach_norm(gradients)))
    torch._foreach_mul_(gradients, (largest / (norm + 1e-6)).clamp_(max=1.0))
