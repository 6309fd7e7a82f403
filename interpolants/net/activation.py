"""Activations by name."""

from __future__ import annotations

from torch import nn

from interpolants.utils.checks import check

# The names of torch.nn do not follow from their lower case.
_CLASS_NAMES = {name.lower(): name for name in ("SELU", "SiLU", "ReLU", "GELU", "Tanh")}


def make_activation(where: str, name: str) -> nn.Module:
    """The activation of `torch.nn` called `name`, in lower case.

    Args:
        where: `Class.argument`, the setting that holds the name.
        name: one of selu, silu, relu, gelu, tanh.

    Raises:
        ValueError: if the name is another one.
    """
    check(name in _CLASS_NAMES, where, f"one of {', '.join(_CLASS_NAMES)}", name)
    activation: nn.Module = getattr(nn, _CLASS_NAMES[name])()
    return activation
