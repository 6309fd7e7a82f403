"""Figures of image grids."""

from __future__ import annotations

from collections.abc import Mapping

import torch
from matplotlib.figure import Figure
from torch import Tensor

from interpolants.plot import style
from interpolants.plot.figure_info import FigureInfo

COLUMNS = 8
_ROWS, _MOST_CLASSES = 8, 10


def plot_images(
    panels: Mapping[str, Tensor],
    rows: int = _ROWS,
    limits: style.Limits | None = None,
    info: FigureInfo = FigureInfo(),
) -> Figure:
    """Draw a grid of images, 8 per row, in each of several panels.

    Args:
        panels: images (B, C, H, W) by title, with C = 1, 3 or 4.
        rows: rows of each grid; further images are left out.
        limits: values shown as black and white; the extremes of the last panel if None.
        info: title.
    """
    arrays = {title: style.to_array(images) for title, images in panels.items()}
    limits = style.colour_range(list(arrays.values())[-1]) if limits is None else limits
    figure = style.new_figure(4.3 * len(arrays), 4.2 * rows / COLUMNS + 0.3, gap=0.06)
    axes = figure.subplots(1, len(arrays), squeeze=False)[0]
    for ax, (title, images) in zip(axes, arrays.items(), strict=True):
        style.show_image(ax, style.mosaic(images, rows, COLUMNS, limits))
        ax.set_title(title, size=10)
    info.entitle(figure)
    return figure


def plot_classes(
    x: Tensor, label: Tensor, reference: Tensor | None = None, info: FigureInfo = FigureInfo()
) -> Figure:
    """Draw the first 8 samples of each of the first 10 classes, one class per row.

    Args:
        x: images, (B, C, H, W) with C = 1, 3 or 4.
        label: their classes, (B,); a row with fewer than 8 samples is filled with white.
        reference: data, which determine the range of the colours; the samples do if None.
        info: names of the classes, and title.
    """
    kinds = torch.unique(label)[:_MOST_CLASSES]  # type: ignore[no-untyped-call]
    blank = torch.full_like(x[:1], torch.inf)
    rows = [torch.cat([x[label == k], blank.expand(COLUMNS, *x.shape[1:])]) for k in kinds]
    images = torch.cat([row[:COLUMNS] for row in rows])
    limits = style.colour_range(style.to_array(x if reference is None else reference))
    figure = plot_images({"samples by class": images}, len(kinds), limits, info)
    ax = figure.axes[0]
    height = ax.images[0].get_array().shape[0] / len(kinds)  # type: ignore[union-attr]
    ax.set_axis_on()
    ax.spines[:].set_visible(False)
    centres = [(row + 0.5) * height for row in range(len(kinds))]
    ax.set(xticks=[])
    ax.set_yticks(centres, [info.class_name(int(k)) for k in kinds])
    ax.tick_params(length=0, labelsize=8)
    return figure
