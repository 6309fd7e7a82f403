"""Self-attention with derivatives in forward and reverse mode."""

from __future__ import annotations

import torch
from torch import Tensor
from torch.autograd import forward_ad
from torch.nn.attention import SDPBackend, sdpa_kernel
from torch.nn.functional import scaled_dot_product_attention


def attend(q: Tensor, k: Tensor, v: Tensor) -> Tensor:
    """softmax(q k^T / sqrt(d)) v, each (B, heads, tokens, d).

    The fused kernels have no forward-mode derivative, so the kernel of plain products is used
    under one. Second derivatives by reverse mode need `sdpa_kernel(SDPBackend.MATH)` around the
    network, as the divergences of this package put there.
    """
    if v.is_cpu and v.dtype == torch.bfloat16:
        # Torch's kernels for this case take several times as long as three plain operations.
        seen: Tensor = (q * q.shape[-1] ** -0.5 @ k.mT).softmax(dim=-1) @ v
        return seen
    # The fused kernels take no tokens whose channels lie apart.
    q, k, v = (part if part.stride(-1) == 1 else part.contiguous() for part in (q, k, v))
    if forward_ad._current_level < 0:
        return scaled_dot_product_attention(q, k, v)
    with sdpa_kernel(SDPBackend.MATH):
        return scaled_dot_product_attention(q, k, v)
