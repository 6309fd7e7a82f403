"""Checks of the shapes and counts of a network."""

from __future__ import annotations

from collections.abc import Sequence

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
