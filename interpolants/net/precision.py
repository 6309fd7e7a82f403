"""Precision of networks: states enter in that of the weights, and predictions leave in theirs."""

from __future__ import annotations

import torch
from torch import Tensor, nn


def weights_dtype(net: nn.Module) -> torch.dtype | None:
    """Dtype of the first weight of a network; None without weights.

    As `next(net.parameters()).dtype`, in a fifth of the time, since it is asked in every call.
    """
    for weight in net._parameters.values():
        if weight is not None and weight.is_floating_point():
            return weight.dtype
    for part in net._modules.values():
        dtype = None if part is None else weights_dtype(part)
        if dtype is not None:
            return dtype
    return None


def call_network(net: nn.Module, t: Tensor, x: Tensor, condition: object = None) -> Tensor:
    """Call a network of any precision, with states of another.

    Times are not rounded to less than float32, in which 0.999 differs from 1.

    Args:
        net: called as `net(t, x)`, or `net(t, x, condition)`.
        t: 0-d, or (B,).
        x: (B, *event).
        condition: a third argument; none if None.

    Returns:
        Predictions in x's dtype.
    """
    of_states, dtype = x.dtype, weights_dtype(net)
    if dtype is not of_states and dtype is not None:
        t, x = t.to(torch.promote_types(t.dtype, dtype)), x.to(dtype)
    predictions: Tensor = net(t, x) if condition is None else net(t, x, condition)
    # A test costs a tenth of a conversion to the dtype that it has.
    return predictions if predictions.dtype is of_states else predictions.to(of_states)
