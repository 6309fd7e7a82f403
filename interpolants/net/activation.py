"""Activations by name."""

from __future__ import annotations

from torch import nn

from interpolants.utils.checks import check

# The names of torch.nn do not follow from their lower case.
_CLASS_NAMES = {name.lower(): name for name in ("SELU", "SiLU", "ReLU", "GELU", "Tanh")}


def make_activation(where: str, name: str) -> nn.Module:
    """Activation of `torch.nn` by its name in lower case.

    Args:
        where: `Class.argument` of the setting, for errors.
        name: one of selu, silu, relu, gelu, tanh.

    Raises:
        ValueError: if the name is not one of these.
    """
    check(name in _CLASS_NAMES, where, f"one of {', '.join(_CLASS_NAMES)}", name)
    activation: nn.Module = getattr(nn, _CLASS_NAMES[name])()
    return activation
