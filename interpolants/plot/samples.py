"""Figures that compare generated samples with data."""

from __future__ import annotations

import numpy as np
from matplotlib.axes import Axes
from matplotlib.collections import PathCollection
from matplotlib.figure import Figure
from torch import Tensor

from interpolants.plot import style
from interpolants.plot.figure_info import FigureInfo
from interpolants.plot.images import plot_images
from interpolants.plot.style import DATA_COLOUR, SAMPLES_COLOUR, Array, Limits
from interpolants.utils.checks import check

_MAX_POINTS = 5000
_MAX_COORDINATES = 4

Sets = dict[str, Array]
"""Vectors (B, D) by name: "samples", then the real ones, if any."""


def plot_samples(
    x: Tensor,
    reference: Tensor | None = None,
    name: str = "data",
    info: FigureInfo = FigureInfo(),
) -> Figure:
    """Draw generated samples beside real ones, on the scales of these.

    Images (C, H, W) with C = 1, 3 or 4 are shown as two 8 by 8 grids; scalars as overlaid
    histograms; planar points as densities and as scatter plots; longer vectors, and other events
    flattened, as histograms and pairwise scatter plots of the first 4 coordinates. Samples with a
    non-finite value are left out, and their number is in the title.

    Args:
        x: generated samples, shape (n, *event).
        reference: real samples, shape (m, *event); None to draw the others alone.
        name: what the real samples are, for titles.
        info: names, scale and title.

    Raises:
        ValueError: if the event shapes differ or there are no real samples.
    """
    sets = {"samples": x} if reference is None else {"samples": x, name: reference}
    event = tuple(x.shape[1:])
    if reference is not None:
        same, got = tuple(reference.shape[1:]) == event, tuple(reference.shape[1:])
        check(same, "plot_samples.reference", f"event {event}", got)
        check(len(reference) > 0, "plot_samples.reference", "at least one sample", 0)
    if style.is_image(event):
        return plot_images(sets, info=info)
    vectors = {title: info.drawn(style.to_vectors(part)) for title, part in sets.items()}
    draw = {1: _line, 2: _plane}.get(vectors["samples"].shape[1], _corner)
    return draw(vectors, info)


def _line(sets: Sets, info: FigureInfo) -> Figure:
    figure = style.new_figure(5.0, 3.4)
    ax = figure.subplots()
    scale = _scale(sets)
    limits = info.limits(scale)
    _overlay(ax, sets, 0, style.bin_edges(limits, len(scale)))
    ax.set(ylabel=info.density, xlim=limits)
    info.label(ax.xaxis, 0, 1)
    ax.legend(frameon=False, fontsize=8)
    style.tidy(ax)
    info.entitle(figure)
    ax.set_title(_title(" and ".join(sets), sets["samples"]))
    return figure


def _plane(sets: Sets, info: FigureInfo) -> Figure:
    scale = _scale(sets)
    limits = style.plane_limits(scale)
    bins = num_plane_bins(scale, limits)
    most = bright(plane_density(scale, bins, limits))
    figure = style.new_figure(3.2 * len(sets), 6.6)
    panels = figure.subplots(2, len(sets), squeeze=False)
    for (density, scatter), (name, points) in zip(panels.T, sets.items(), strict=True):
        show_density(density, plane_density(points, bins, limits), limits, most)
        density.set_title(_title(name, points))
        shown = points[:_MAX_POINTS]
        draw_points(scatter, shown, _colour(name), _marker_size(len(shown)))
        style.square(scatter, *limits)
        for ax in (density, scatter):
            info.label_plane(ax, 2)
    info.entitle(figure)
    return figure


def _corner(sets: Sets, info: FigureInfo) -> Figure:
    scale = _scale(sets)
    dimension = scale.shape[1]
    count = min(dimension, _MAX_COORDINATES)
    limits = [info.limits(scale[:, k]) for k in range(count)]
    figure = style.new_figure(1.9 * count, 1.9 * count)
    panels = figure.subplots(count, count, sharex="col")
    for i in range(count):
        for j in range(count):
            ax = panels[i, j]
            if j > i:
                ax.set_axis_off()
            elif i == j:
                _overlay(ax, sets, i, style.bin_edges(limits[i], len(scale)))
                ax.set(xlim=limits[i], yticks=[])
            else:
                _pair(ax, sets, [j, i])
                ax.set(xlim=limits[j], ylim=limits[i])
            _corner_labels(ax, (i, j), (count, dimension), info)
    handles, labels = panels[0, 0].get_legend_handles_labels()
    figure.legend(handles, labels, loc="upper right", frameon=False, fontsize=9)
    shown = f"{'all' if count == dimension else f'first {count} of'} {dimension} coordinates"
    info.entitle(figure, _title(shown, sets["samples"]))
    return figure


def _scale(sets: Sets) -> Array:
    """The last set, real samples if there are any, on whose scales all are drawn."""
    return list(sets.values())[-1]


def _colour(name: str) -> str:
    return SAMPLES_COLOUR if name == "samples" else DATA_COLOUR


def _pair(ax: Axes, sets: Sets, columns: list[int]) -> None:
    # The smaller set is drawn last, so that it is seen.
    for name, points in sorted(reversed(sets.items()), key=lambda item: -len(item[1])):
        shown = points[: _MAX_POINTS // 2, columns]
        draw_points(ax, shown, _colour(name), _marker_size(len(shown)) / 2)


def _corner_labels(
    ax: Axes, place: tuple[int, int], size: tuple[int, int], info: FigureInfo
) -> None:
    """Name the outer axes of a panel at some place of `count` by `count` panels."""
    (i, j), (count, dimension) = place, size
    info.ticks(ax.xaxis)
    if i != j:
        info.ticks(ax.yaxis)
    if i == count - 1:
        ax.set_xlabel(info.name(j, dimension))
    if j == 0 and i > 0:
        ax.set_ylabel(info.name(i, dimension))
    style.tidy(ax)
    if 0 < j != i:
        ax.tick_params(labelleft=False)


def _overlay(ax: Axes, sets: Sets, column: int, edges: Array) -> None:
    for name, points in reversed(sets.items()):
        density, colour = histogram(points[:, column], edges), _colour(name)
        if name == "samples":
            ax.stairs(density, edges, color=colour, linewidth=1.5, label=name)
        else:
            ax.stairs(density, edges, fill=True, color=colour, alpha=0.45, label=name)
    ax.set_ylim(bottom=0)


def histogram(values: Array, edges: Array) -> Array:
    """Density over the bins, normalised by all values, including those outside."""
    counts = np.histogram(values[np.isfinite(values)], edges)[0]
    return np.asarray(counts / (max(len(values), 1) * np.diff(edges)))


def num_plane_bins(points: Array, limits: tuple[Limits, Limits]) -> int:
    """Largest number of bins per axis, 24 to 120, with 8 points per occupied bin on average."""
    for bins in range(120, 24, -8):
        occupied = np.count_nonzero(plane_density(points, bins, limits))
        if len(points) >= 8 * occupied:
            return bins
    return 24


def plane_density(points: Array, bins: int, limits: tuple[Limits, Limits]) -> Array:
    """Fraction of all points in each bin, shape (bins, bins), rows along y from below."""
    finite = style.finite_rows(points)
    edges = [np.linspace(*along, bins + 1) for along in limits]
    counts = np.histogram2d(finite[:, 0], finite[:, 1], bins=edges)[0]
    return np.asarray(counts.T / max(len(points), 1))


def bright(density: Array) -> float:
    """Density for the brightest colour, exceeded in 1 of 100 occupied bins."""
    occupied = density[density > 0]
    return float(np.percentile(occupied, 99)) if occupied.size else 1.0


def show_density(ax: Axes, density: Array, limits: tuple[Limits, Limits], most: float) -> None:
    """Draw a density of the plane, with `most` as the brightest colour."""
    ax.imshow(
        density,
        origin="lower",
        extent=(*limits[0], *limits[1]),
        cmap=style.DENSITY_CMAP,
        vmin=0,
        vmax=most,
        interpolation="nearest",
    )
    style.square(ax, *limits)


def draw_points(ax: Axes, points: Array, colour: str, size: float) -> PathCollection:
    """Draw translucent points (B, 2) of an area in square typographic points."""
    return ax.scatter(points[:, 0], points[:, 1], s=size, c=colour, alpha=0.5, linewidths=0)


def _marker_size(count: int) -> float:
    return float(np.clip(6000 / max(count, 1), 1.5, 12))


def _title(name: str, samples: Array) -> str:
    dropped = len(samples) - len(style.finite_rows(samples))
    return f"{name} ({dropped} of {len(samples)} not finite)" if dropped else name
