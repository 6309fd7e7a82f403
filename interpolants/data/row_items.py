"""Numbers and labels in the items of foreign data sets."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
from PIL import Image

from interpolants.data.row_source import Rows
from interpolants.utils.checks import check

AUTO = "auto"


def parts_of(owner: str, item: Any, x: str | int, label: str | int | None) -> tuple[Any, Any]:
    """Row and label of an item, which is a row, (row, label), or a dict of such.

    Args:
        owner: class of the arguments, for error messages.
        item: the item.
        x: key, or number, of the row; "auto" for "x", the first, or all of the item.
        label: that of the label; "auto" for "label", or the second of two; None for none.

    Raises:
        ValueError: if there is no such part.
    """
    names: list[Any]
    defaults: tuple[Any, Any]
    if isinstance(item, Mapping):
        names, defaults = list(item), ("x", "label")
    elif isinstance(item, Sequence) and not _is_row(item):
        names, defaults = list(range(len(item))), (0, 1)
        chosen = len(item) <= 2 or x != AUTO or label != AUTO
        rule, fix = "items of at most a row and its label", "say which by the numbers x and label"
        check(chosen, owner, rule, f"{len(item)} parts", fix)
    else:
        for argument, key in (("x", x), ("label", label)):
            rule, fix = "auto or null for items of one part", "remove it"
            check(key in (AUTO, None), f"{owner}.{argument}", rule, key, fix)
        return item, None
    key = defaults[0] if x == AUTO else x
    rule = f"one of {', '.join(map(str, names))}, the parts of an item"
    check(key in names, f"{owner}.x", rule, key)
    if label == AUTO:
        label = defaults[1] if defaults[1] in names else None
    check(label is None or label in names, f"{owner}.label", rule, label)
    return item[key], None if label is None else item[label]


def as_array(where: str, place: int, value: Any) -> Rows:
    """A part of an item as an array; images have their channels first.

    Args:
        where: setting that it comes from, for error messages.
        place: number of the item, for error messages.
        value: a tensor, an array, a number, a list of numbers, or a PIL image.

    Raises:
        ValueError: if it is none of these.
    """
    if isinstance(value, Image.Image):
        pixels = np.asarray(value)
        return pixels[None] if pixels.ndim == 2 else np.moveaxis(pixels, -1, 0)
    found = np.asarray(value)
    rule, fix = f"numbers in item {place}", "return tensors, arrays or numbers"
    check(found.dtype.kind in "fiub", where, rule, type(value).__name__, fix)
    return found


def stacked(where: str, places: Sequence[int], parts: Sequence[Rows]) -> Rows:
    """Arrays of one shape as rows of one.

    Raises:
        ValueError: with the first item of another shape.
    """
    for place, part in zip(places, parts, strict=True):
        rule, fix = f"shape {parts[0].shape}, as of item {places[0]}", "resize or pad items"
        check(part.shape == parts[0].shape, where, rule, f"{part.shape} in item {place}", fix)
    return np.stack(list(parts))


def _is_row(item: Sequence[Any]) -> bool:
    """True for a list of plain numbers."""
    return all(isinstance(part, (int, float)) for part in item) and not isinstance(item, tuple)
