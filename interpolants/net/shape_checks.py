"""Checks of the shapes, counts and labels of a network."""

from __future__ import annotations

from collections.abc import Sequence

import torch
from torch import Tensor

from interpolants.utils.checks import check, is_whole


def check_event_shape(where: str, event_shape: Sequence[int]) -> tuple[int, ...]:
    """Require at least one dimension, each a whole number > 0; returns it as a tuple."""
    shape = tuple(event_shape) if isinstance(event_shape, Sequence) else ()
    good = len(shape) > 0 and all(is_whole(size) and size > 0 for size in shape)
    check(good, where, "one or more whole numbers > 0", event_shape)
    return shape


def check_counts(where: str, values: Sequence[int]) -> None:
    """Require whole numbers > 0, if any."""
    good = isinstance(values, Sequence) and all(is_whole(v) and v > 0 for v in values)
    check(good, where, "whole numbers > 0", values)


def check_label_counts(classes: int, label_size: int) -> None:
    """Require whole numbers from 0, at most one of them above 0: classes, or vectors' length."""
    for name, value in {"classes": classes, "label_size": label_size}.items():
        check(is_whole(value) and value >= 0, f"net.{name}", "a whole number >= 0", value)
    check(not (classes and label_size), "net.label_size", "0 beside classes", label_size)


def check_label(label: Tensor, classes: int, label_size: int) -> None:
    """Require labels of the right kind, by dtype and shape, which need no transfer.

    Args:
        label: labels of a batch.
        classes: number of classes of the network, or 0.
        label_size: length of its label vectors, or 0.

    Raises:
        ValueError: if they are of another kind, or the network was built without labels.
    """
    if classes:
        rule = "class numbers (B,)"
        fits = label.dtype in (torch.int32, torch.int64) and label.dim() == 1
    elif label_size:
        rule = f"vectors (B, {label_size})"
        sized = label.dim() == 2 and label.shape[1] == label_size
        fits = sized and label.is_floating_point()
    else:
        rule, fits = "none for a network that was built without", False
    check(fits, "net.label", rule, (label.dtype, tuple(label.shape)))
