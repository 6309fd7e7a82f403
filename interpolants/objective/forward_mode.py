"""Forward derivatives of networks, with gradients by their weights."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from typing import Any, final

import torch
from torch import Tensor
from torch.autograd import forward_ad
from torch.nn import functional
from torch.nn.attention import SDPBackend, sdpa_kernel
from torch.overrides import TorchFunctionMode

# Layers that are affine in their first argument: called as (x, weight, bias, ...).
_AFFINE = {functional.linear, torch.conv1d, torch.conv2d, torch.conv3d}


# Not typed in PyTorch.
_unpacked: Callable[[Tensor], tuple[Tensor, Tensor | None]] = forward_ad.unpack_dual
_dual: Callable[[Tensor, Tensor], Tensor] = forward_ad.make_dual


@final
class _AffineLayers(TorchFunctionMode):
    """Applies a layer to a value and to its tangent, without a bias.

    PyTorch's own rule adds products with the tangents of weights and bias, which are zero, and
    takes half as long again.
    """

    def __torch_function__(
        self,
        func: Callable[..., Any],
        types: Iterable[type],
        args: tuple[Any, ...] = (),
        kwargs: Mapping[str, Any] | None = None,
    ) -> Any:
        if func in _AFFINE and len(args) >= 3 and not kwargs:
            x, weight, _, *rest = args
            value, tangent = _unpacked(x)
            if tangent is not None and _unpacked(weight)[1] is None:
                moved = func(tangent, weight, None, *rest)
                return _dual(func(value, *args[1:]), moved)
        return func(*args, **(kwargs or {}))


def with_derivative(
    function: Callable[..., Tensor], at: tuple[Tensor, ...], along: tuple[Tensor, ...]
) -> tuple[Tensor, Tensor]:
    """Value and directional derivative, both with gradients by weights.

    Without autocast and fused attention, which lack forward derivatives.
    """
    autocast = torch.autocast(at[0].device.type, enabled=False)
    with autocast, sdpa_kernel(SDPBackend.MATH), _AffineLayers():
        value, derivative = torch.func.jvp(function, at, along)[:2]
    return value, derivative
