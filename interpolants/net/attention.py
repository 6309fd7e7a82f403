"""Self-attention that has all derivatives."""

from __future__ import annotations

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
    if forward_ad._current_level < 0:
        return scaled_dot_product_attention(q, k, v)
    with sdpa_kernel(SDPBackend.MATH):
        return scaled_dot_product_attention(q, k, v)
