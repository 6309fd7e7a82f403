"""Figures of the paths of single samples."""

from __future__ import annotations

import numpy as np
from matplotlib.cm import ScalarMappable
from matplotlib.collections import LineCollection
from matplotlib.figure import Figure
from torch import Tensor

from interpolants.plot import style
from interpolants.plot.figure_info import FigureInfo
from interpolants.plot.style import ACCENT_COLOUR, Array

_MAX_TRAJECTORIES = 200
_IMAGE_ROWS, _IMAGE_COLUMNS = 8, 10


def plot_trajectories(path: Tensor, times: Tensor, info: FigureInfo = FigureInfo()) -> Figure:
    """Draw the trajectories of samples.

    Vectors are drawn as at most 200 lines coloured by time, with marks at start and end: in the
    plane, for longer vectors in the first two coordinates, and for scalars against time. Images
    are drawn as rows of snapshots, one row for each of 8 samples.

    Args:
        path: states, shape (S, B, *event).
        times: times of the states, shape (S,).
        info: names, scale and title.

    Raises:
        ValueError: if the shapes do not match.
    """
    style.check_path("plot_trajectories.path", path, times)
    at = style.to_array(times)
    if style.is_image(tuple(path.shape[2:])):
        figure = _images(style.to_array(path[:, :_IMAGE_ROWS]), at)
    else:
        lines = style.to_array(path[:, :_MAX_TRAJECTORIES])
        lines = info.drawn(lines.reshape(*lines.shape[:2], -1))
        draw = _over_time if lines.shape[-1] == 1 else _plane
        figure = draw(lines, at, info)
    info.entitle(figure)
    return figure


def _images(path: Array, times: Array) -> Figure:
    indices = style.spread_indices(times, _IMAGE_COLUMNS)
    frames = np.swapaxes(path[indices], 0, 1)
    rows, columns, _, height, width = frames.shape
    images = frames.reshape(rows * columns, *frames.shape[2:])
    figure = style.new_figure(0.75 * columns, 0.75 * rows * height / width + 0.35)
    ax = figure.subplots()
    image = style.mosaic(_each_in_range(images, columns, path[-1]), rows, columns, (0.0, 1.0))
    style.show_image(ax, image)
    ax.set_axis_on()
    ax.spines[:].set_visible(False)
    ax.xaxis.tick_top()
    centres = (np.arange(columns) + 0.5) * image.shape[1] / columns
    ax.set_xticks(centres, [f"{times[i]:.2f}" for i in indices])
    ax.tick_params(length=0, labelsize=9)
    ax.set(yticks=[], xlabel="t")
    ax.xaxis.set_label_position("top")
    return figure


def _each_in_range(images: Array, columns: int, last: Array) -> Array:
    """Images of one time in each column, scaled to [0, 1] by the range of that time."""
    scaled = np.empty_like(images)
    for k in range(columns):
        low, high = style.wide_range(images[k::columns], last)
        scaled[k::columns] = (images[k::columns] - low) / ((high - low) or 1.0)
    return scaled


def _plane(path: Array, times: Array, info: FigureInfo) -> Figure:
    figure = style.new_figure(5.6, 5.0)
    ax = figure.subplots()
    _coloured_lines(figure, path[..., :2], times)
    _ends(figure, path[0, :, :2], path[-1, :, :2])
    style.square(ax, *style.plane_limits(path))
    info.label_plane(ax, path.shape[-1])
    return figure


def _over_time(path: Array, times: Array, info: FigureInfo) -> Figure:
    figure = style.new_figure(5.6, 3.6)
    ax, path = figure.subplots(), path[..., 0]
    across = np.broadcast_to(times[:, None], path.shape)
    lines = np.stack([across, path], axis=-1)
    _coloured_lines(figure, lines, times, colour_bar=False)
    _ends(figure, lines[0], lines[-1])
    ax.set(xlim=(times.min(), times.max()), ylim=style.padded_limits(path))
    ax.set_xlabel("t")
    info.label(ax.yaxis, 0, 1)
    style.tidy(ax)
    return figure


def _coloured_lines(
    figure: Figure, lines: Array, times: Array, *, colour_bar: bool = True
) -> None:
    """Draw lines (S, B, 2), with segments coloured by the middle of their time step."""
    segments = np.stack([lines[:-1], lines[1:]], axis=2).reshape(-1, 2, 2)
    middle = (times[:-1] + times[1:]) / 2
    collection = LineCollection(list(segments), cmap=style.TIME_CMAP, linewidths=0.5, alpha=0.6)
    collection.set_array(np.repeat(middle, lines.shape[1]))
    collection.set_clim(times.min(), times.max())
    ax = figure.axes[0]
    ax.add_collection(collection)
    if colour_bar:
        scale = ScalarMappable(norm=collection.norm, cmap=collection.cmap)
        bar = figure.colorbar(scale, ax=ax, fraction=0.04, pad=0.02)
        bar.ax.set_title("t", size=9)
        bar.outline.set_visible(False)
        bar.ax.tick_params(labelsize=8)


def _ends(figure: Figure, start: Array, end: Array) -> None:
    ax = figure.axes[0]
    figure.legend(
        [
            ax.scatter(
                start[:, 0],
                start[:, 1],
                s=9,
                c="white",
                edgecolors="#333333",
                linewidths=0.6,
                zorder=3,
            ),
            ax.scatter(end[:, 0], end[:, 1], s=9, c=ACCENT_COLOUR, linewidths=0, zorder=3),
        ],
        ["start", "end"],
        loc="outside lower center",
        ncols=2,
        frameon=False,
        fontsize=9,
    )
