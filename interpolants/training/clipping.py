"""Gradient clipping by the norm of all gradients together."""

from __future__ import annotations

import torch
from torch import nn
from torch.distributed.tensor import DTensor


def clip_gradients(parameters: list[nn.Parameter], largest: float) -> None:
    """Scale gradients so that their joint norm is at most `largest`.

    What `nn.utils.clip_grad_norm_` does, for gradients on one device in one dtype. On a CPU,
    where a tiny network takes about as long as a few dozen operations, the norm is taken of one
    copy of all gradients and read, so that a small gradient is left alone.
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
