"""Videos, frame by frame."""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np
from matplotlib.figure import Figure
from torch import Tensor

from interpolants.checks import check
from interpolants.plot import style
from interpolants.plot.style import ACCENT_COLOUR

_VIDEOS, _COLUMNS = 3, 12


def plot_frames(times: Tensor, videos: Mapping[str, Tensor], *, seen: int) -> Figure:
    """Draw videos below each other, one row for each of several kinds, in turn.

    Args:
        times: (T,); at most 12 of them are shown, evenly spread.
        videos: by what each row is called, (B, T, C, H, W) with C = 1 or 3; the first kind gives
            the range of the colours. At most 3 of each are shown.
        seen: how many frames were seen by a prediction; a line marks where they end.

    Raises:
        ValueError: if the shapes do not match.
    """
    shapes = {tuple(video.shape[1:]) for video in videos.values()}
    one = len(shapes) == 1 and all(len(s) == 4 and s[0] == len(times) for s in shapes)
    check(one, "plot_frames.videos", f"one shape (B, {len(times)}, C, H, W)", sorted(shapes))
    at = style.to_array(times)
    shown = style.spread_indices(at, _COLUMNS)
    arrays = [style.to_array(video[:_VIDEOS, shown]) for video in videos.values()]
    stacked = np.stack(arrays, axis=1)  # (B, kinds, columns, C, H, W)
    rows, columns = stacked.shape[0] * stacked.shape[1], len(shown)
    images = stacked.reshape(rows * columns, *stacked.shape[3:])
    height, width = images.shape[2:]
    figure = style.new_figure(0.75 * columns + 0.9, 0.75 * rows * height / width + 0.4)
    ax = figure.subplots()
    picture = style.mosaic(images, rows, columns, style.colour_range(arrays[0]))
    style.show_image(ax, picture)
    ax.set_axis_on()
    ax.spines[:].set_visible(False)
    ax.xaxis.tick_top()
    step, down = picture.shape[1] / columns, picture.shape[0] / rows
    ax.set_xticks((np.arange(columns) + 0.5) * step, [f"{at[i]:.3g}" for i in shown])
    names = list(videos) * stacked.shape[0]
    ax.set_yticks((np.arange(rows) + 0.5) * down, names)
    ax.tick_params(length=0, labelsize=8)
    ax.axvline(sum(i < seen for i in shown) * step - 0.5, color=ACCENT_COLOUR, linewidth=1.2)
    return figure
