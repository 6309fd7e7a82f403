"""Figures of the distribution at a few times."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from torch import Tensor

from interpolants.plot import style
from interpolants.plot.figure_info import FigureInfo
from interpolants.plot.samples import (
    bright,
    histogram,
    num_plane_bins,
    plane_density,
    show_density,
)
from interpolants.plot.style import SAMPLES_COLOUR, Array

_PANELS = 6
_IMAGE_ROWS, _IMAGE_COLUMNS = 6, 4


def plot_snapshots(
    path: Tensor,
    times: Tensor,
    info: FigureInfo = FigureInfo(),
    names: Sequence[str] | None = None,
) -> Figure:
    """Draw the samples at six equally spaced times.

    Scalars are shown as histograms, planar points as densities, images as grids of the same
    samples in each panel, and other events as the density of their first two coordinates. Panels
    share their axes; each density has its own colour scale, and so has each grid of images that
    go beyond those at the end, such as noise.

    Args:
        path: states, shape (S, B, *event).
        times: times of the states, shape (S,). With fewer than six there are S panels.
        info: names, scale and title.
        names: titles of the panels, one for each state; the times if None.

    Raises:
        ValueError: if the shapes do not match.
    """
    style.check_path("plot_snapshots.path", path, times)
    at = style.to_array(times)
    indices = style.spread_indices(at, _PANELS)
    frames, labels = path[indices], [names[i] if names else f"t = {at[i]:.2f}" for i in indices]
    if style.is_image(tuple(path.shape[2:])):
        figure = _images(style.to_array(frames), labels)
    else:
        vectors = info.drawn(style.to_array(frames).reshape(len(indices), path.shape[1], -1))
        draw = _lines if vectors.shape[-1] == 1 else _planes
        figure = draw(vectors, labels, info)
    info.entitle(figure)
    return figure


def _panels(labels: list[str], width: float, height: float) -> tuple[Figure, list[Axes]]:
    figure = style.new_figure(width * len(labels), height, gap=0.05)
    panels = list(figure.subplots(1, len(labels), squeeze=False, sharey=True)[0])
    for ax, label in zip(panels, labels, strict=True):
        ax.set_title(label, size=10)
    return figure, panels


def _images(frames: Array, labels: list[str]) -> Figure:
    ratio = _IMAGE_ROWS / _IMAGE_COLUMNS * frames.shape[-2] / frames.shape[-1]
    figure, panels = _panels(labels, 1.85, 1.7 * ratio + 0.3)
    for ax, images in zip(panels, frames, strict=True):
        limits = style.wide_range(images, frames[-1])
        style.show_image(ax, style.mosaic(images, _IMAGE_ROWS, _IMAGE_COLUMNS, limits))
    return figure


def _lines(frames: Array, labels: list[str], info: FigureInfo) -> Figure:
    figure, panels = _panels(labels, 1.9, 2.5)
    limits = info.limits(frames)
    edges = style.bin_edges(limits, frames.shape[1])
    densities = [histogram(values[:, 0], edges) for values in frames]
    for ax, density in zip(panels, densities, strict=True):
        ax.stairs(density, edges, fill=True, color=SAMPLES_COLOUR, alpha=0.8)
        ax.set(xlim=limits, ylim=(0, 1.05 * np.max(densities) or 1))
        info.label(ax.xaxis, 0, 1)
        style.tidy(ax)
    panels[0].set_ylabel(info.density)
    return figure


def _planes(frames: Array, labels: list[str], info: FigureInfo) -> Figure:
    figure, panels = _panels(labels, 2.0, 2.9)
    limits = style.plane_limits(frames)
    bins = num_plane_bins(frames[-1, :, :2], limits)
    for ax, points in zip(panels, frames, strict=True):
        density = plane_density(points[:, :2], bins, limits)
        show_density(ax, density, limits, bright(density))
        info.label_plane(ax, frames.shape[-1])
    return figure
