"""Checks of the whole numbers that size a network."""

from __future__ import annotations

from collections.abc import Sequence

from interpolants.checks import check


def check_size(where: str, value: int) -> None:
    """Require a whole number >= 1."""
    check(
        isinstance(value, int) and not isinstance(value, bool) and value >= 1,
        where,
        "a whole number >= 1",
        value,
    )


def check_event_shape(where: str, event_shape: Sequence[int]) -> tuple[int, ...]:
    """Require at least one dimension, each a whole number >= 1; returns it as a tuple."""
    shape = tuple(event_shape)
    check(
        len(shape) > 0 and all(isinstance(size, int) and size >= 1 for size in shape),
        where,
        "one or more whole numbers >= 1",
        shape,
    )
    return shape
