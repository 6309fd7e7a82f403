"""Figures of image grids."""

from __future__ import annotations

from collections.abc import Mapping

import torch
from matplotlib.figure import Figure
from torch import Tensor

from interpolants.plot import style

COLUMNS = 8
_ROWS, _MOST_CLASSES = 8, 10


def plot_images(
    panels: Mapping[str, Tensor], rows: int = _ROWS, limits: style.Limits | None = None
) -> Figure:
    """Draw a grid of images, 8 per row, in each of several panels.

    Args:
        panels: images (B, C, H, W) by title, with C = 1, 3 or 4.
        rows: rows of each grid; further images are left out.
        limits: values shown as black and white; the extremes of the last panel if None.
    """
    arrays = {title: style.to_array(images) for title, images in panels.items()}
    limits = style.colour_range(list(arrays.values())[-1]) if limits is None else limits
    figure = style.new_figure(4.3 * len(arrays), 4.2 * rows / COLUMNS + 0.3, gap=0.06)
    axes = figure.subplots(1, len(arrays), squeeze=False)[0]
    for ax, (title, images) in zip(axes, arrays.items(), strict=True):
        style.show_image(ax, style.mosaic(images, rows, COLUMNS, limits))
        ax.set_title(title, size=10)
    return figure


def plot_classes(x: Tensor, label: Tensor, reference: Tensor | None = None) -> Figure:
    """Draw the first 8 samples of each of the first 10 classes, one class per row.

    Args:
        x: images, (B, C, H, W) with C = 1, 3 or 4.
        label: their classes, (B,); a row with fewer than 8 samples is filled with white.
        reference: data, which determine the range of the colours; the samples do if None.
    """
    kinds = torch.unique(label)[:_MOST_CLASSES]  # type: ignore[no-untyped-call]
    blank = torch.full_like(x[:1], torch.inf)
    rows = [torch.cat([x[label == k], blank.expand(COLUMNS, *x.shape[1:])]) for k in kinds]
    images = torch.cat([row[:COLUMNS] for row in rows])
    limits = style.colour_range(style.to_array(x if reference is None else reference))
    return plot_images({"samples by class": images}, len(kinds), limits)
