"""Figures of videos, frame by frame."""

from __future__ import annotations

import math
from collections.abc import Mapping

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from torch import Tensor

from interpolants.plot import style
from interpolants.plot.style import ACCENT_COLOUR
from interpolants.utils.checks import check

_VIDEOS, _COLUMNS = 3, 15


def plot_frames(times: Tensor, videos: Mapping[str, Tensor], *, context_length: int) -> Figure:
    """Draw videos below each other, with one row of frames for each kind, such as data and model.

    Args:
        times: (T,); every frame is shown, or every second, third, ... so that at most 15 are.
        videos: videos (B, T, C, H, W) by name of the row, with C = 1 or 3; the first kind
            determines the range of the colours. At most 3 of each are shown.
        context_length: number of frames that a prediction is conditioned on; a line marks their
            end, if further frames are shown.

    Raises:
        ValueError: if the shapes do not match.
    """
    shapes = {tuple(video.shape[1:]) for video in videos.values()}
    one = len(shapes) == 1 and all(len(s) == 4 and s[0] == len(times) for s in shapes)
    check(one, "plot_frames.videos", f"one shape (B, {len(times)}, C, H, W)", sorted(shapes))
    stride = math.ceil(len(times) / _COLUMNS)
    arrays = [style.to_array(video[:_VIDEOS, ::stride]) for video in videos.values()]
    stacked = np.stack(arrays, axis=1)  # (B, kinds, columns, C, H, W)
    count, kinds, columns, _, height, width = stacked.shape
    rows_height = 0.75 * count * kinds * height / width
    figure = style.new_figure(0.75 * columns + 0.9, rows_height + 0.1 * count + 0.5, gap=0.04)
    panels = figure.subplots(count, 1, squeeze=False)[:, 0]
    limits = style.colour_range(arrays[0])
    for ax, video in zip(panels, stacked, strict=True):
        images = video.reshape(kinds * columns, *video.shape[2:])
        style.show_image(ax, style.mosaic(images, kinds, columns, limits))
        _name_rows(ax, list(videos), columns)
    step = _spacing(panels[0], columns, axis=1)
    at = style.to_array(times)[::stride]
    panels[0].xaxis.tick_top()
    panels[0].set_xticks((np.arange(columns) + 0.5) * step, [f"{t:.3g}" for t in at])
    before = math.ceil(context_length / stride)
    if before < columns:
        _mark_prediction(list(panels), before * step - 0.5)
    return figure


def _spacing(ax: Axes, count: int, *, axis: int) -> float:
    """Pixels from one frame to the next along an axis of a panel's image."""
    image = ax.images[0].get_array()
    assert image is not None
    return float(image.shape[axis] / count)


def _name_rows(ax: Axes, names: list[str], columns: int) -> None:
    ax.set_axis_on()
    ax.spines[:].set_visible(False)
    ax.set_xticks([])
    down = _spacing(ax, len(names), axis=0)
    ax.set_yticks((np.arange(len(names)) + 0.5) * down, names)
    ax.tick_params(length=0, labelsize=8)


def _mark_prediction(panels: list[Axes], edge: float) -> None:
    """Draw a line at the start of a prediction, with labels on both sides above the times."""
    for ax in panels:
        ax.axvline(edge, color=ACCENT_COLOUR, linewidth=1.4)
    for text, side, offset in (("context", "right", -5), ("predicted", "left", 5)):
        panels[0].annotate(
            text,
            (edge, 1.0),
            (offset, 16),
            xycoords=panels[0].get_xaxis_transform(),
            textcoords="offset points",
            ha=side,
            color=ACCENT_COLOUR,
            fontsize=8,
        )
