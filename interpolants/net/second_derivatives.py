"""Contexts in which a network can be differentiated more than once."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from contextlib import AbstractContextManager, nullcontext
from typing import Any, final

import torch
from torch import Tensor
from torch.nn import functional
from torch.nn.attention import SDPBackend, sdpa_kernel
from torch.overrides import TorchFunctionMode


def plain_attention() -> AbstractContextManager[None]:
    """The only kernel of attention with second derivatives, where they may be asked for."""
    return sdpa_kernel(SDPBackend.MATH) if torch.is_grad_enabled() else nullcontext()


def plain_normalisation(training: bool) -> AbstractContextManager[object]:
    """Group normalisation by plain operations, where batches of derivatives may be asked for.

    Torch's own has second derivatives, but not in batches, which divergences take in `eval()`
    mode. It is faster, and serves training and compiled code.
    """
    fast = training or torch.compiler.is_compiling() or not torch.is_grad_enabled()
    return nullcontext() if fast else _PlainNormalisation()


@final
class _PlainNormalisation(TorchFunctionMode):
    """Replaces group normalisation while it is active."""

    def __torch_function__(
        self,
        func: Callable[..., Any],
        types: Iterable[type],
        args: tuple[Any, ...] = (),
        kwargs: Mapping[str, Any] | None = None,
    ) -> Any:
        chosen = _group_norm if func is functional.group_norm else func
        return chosen(*args, **(kwargs or {}))


def _group_norm(
    input: Tensor,
    num_groups: int,
    weight: Tensor | None = None,
    bias: Tensor | None = None,
    eps: float = 1e-5,
) -> Tensor:
    """Group normalisation, with arguments as of torch's."""
    groups = input.reshape(len(input), num_groups, -1)
    variance, mean = torch.var_mean(groups, dim=2, keepdim=True, correction=0)
    out: Tensor = ((groups - mean) * (variance + eps).rsqrt()).reshape(input.shape)
    shape = (1, -1, *(1,) * (input.dim() - 2))
    out = out if weight is None else out * weight.view(shape)
    return out if bias is None else out + bias.view(shape)
