"""Checks of the inputs of models: what samples start from, and devices."""

from __future__ import annotations

from collections.abc import Sequence

import torch
from torch import Tensor

from interpolants.coupling.base import Coupling
from interpolants.utils.checks import check


def check_inputs(
    coupling: Coupling,
    shape: Sequence[int],
    start: Tensor | None,
    image: Tensor | None,
    backward: bool,
) -> bool:
    """Check the initial states and images of samples, which some processes and couplings need.

    Args:
        coupling: coupling of the model.
        shape: shape of the samples, (n, *event).
        start, image: arguments of `Model.sample`.
        backward: whether the process starts from data.

    Returns:
        True if samples start from data, or from initial states computed from data.
    """
    where, fix = "Model.sample.start", "take start and image from Model.pair(data)"
    check(
        start is not None or not backward, where, "data to start the backward process from", start
    )
    needed = coupling.data_dependent
    check(start is not None or not needed, where, "initial states from data", start, fix)
    got = tuple(start.shape) if isinstance(start, Tensor) else type(start).__name__
    check(start is None or got == tuple(shape), where, f"shape {tuple(shape)}", got)
    channels = coupling.image_channels(shape[1:])
    expected = (shape[0], channels, *shape[2:]) if channels else ()
    got = tuple(image.shape) if isinstance(image, Tensor) else ()
    rule = f"shape {expected}" if channels else "none for this coupling"
    check(got == expected, "Model.sample.image", rule, got, fix if channels else "")
    return backward or needed


def check_device(where: str, device: torch.device | str) -> None:
    """Require a device of this machine.

    Raises:
        ValueError: if torch finds none of that name.
    """
    try:
        torch.empty(0, device=device)
    except (RuntimeError, AssertionError) as error:
        reason = str(error).partition("\n")[0]
        fix = f"{reason}; use device=cpu"
        check(False, where, "a device of this machine", str(device), fix)
