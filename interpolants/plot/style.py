"""Shared style of figures: axes, robust limits, image mosaics, and saving.

Figures are `matplotlib.figure.Figure` objects made without pyplot, so drawing changes no global
state and is safe in threads.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
from matplotlib.axes import Axes
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.figure import Figure
from matplotlib.layout_engine import ConstrainedLayoutEngine
from matplotlib.ticker import FuncFormatter, LogLocator, NullFormatter
from numpy.typing import NDArray
from torch import Tensor

from interpolants.utils.checks import check
from interpolants.utils.files import replace

Array = NDArray[np.float64]
Limits = tuple[float, float]

SAMPLES_COLOUR = "#1f6fb4"
DATA_COLOUR = "#e8a33d"
ACCENT_COLOUR = "#d1495b"
DENSITY_CMAP = "magma"
TIME_CMAP = "viridis"
DPI = 150

_INK = "#333333"
_IMAGE_CHANNELS = (1, 3, 4)
# An axis is logarithmic if positive values span more than this factor.
_LOG_SPAN = 5


def new_figure(width: float, height: float, *, gap: float = 0.02) -> Figure:
    """Create an empty figure, whose layout is computed when it is drawn.

    Args:
        width, height: size in inches.
        gap: gap between panels, as a fraction of a panel.
    """
    layout = ConstrainedLayoutEngine(wspace=gap, hspace=gap)
    return Figure(figsize=(width, height), dpi=DPI, layout=layout, facecolor="white")


def save(figure: Figure, path: str | Path) -> None:
    """Write a figure as PNG atomically, replacing the file.

    Args:
        figure: a figure made by this package.
        path: the file; its folder is created.
    """
    # `savefig` would draw it twice, first for the layout, which every drawing computes.
    canvas = FigureCanvasAgg(figure)
    replace(path, lambda file: canvas.print_png(file))  # type: ignore[no-untyped-call]


def to_array(x: Tensor) -> Array:
    """Convert a tensor of any device and dtype to a float64 array."""
    return np.asarray(x.detach().cpu().double().numpy(), dtype=np.float64)


def is_image(event_shape: tuple[int, ...]) -> bool:
    """True if events are drawn as images, (C, H, W) with C = 1, 3 or 4."""
    return len(event_shape) == 3 and event_shape[0] in _IMAGE_CHANNELS


def to_vectors(x: Tensor) -> Array:
    """Flatten events to vectors, shape (B, D)."""
    return to_array(x).reshape(len(x), math.prod(x.shape[1:]))


def finite_rows(x: Array) -> Array:
    """Select the rows without inf or nan, so that a diverged sample does not spoil the figure."""
    return x[np.isfinite(x).all(axis=1)]


def padded_limits(values: Array) -> Limits:
    """Range from the 0.1 to the 99.9 percentile of the finite values, padded by a tenth."""
    values = values[np.isfinite(values)]
    if values.size == 0:
        return -1.0, 1.0
    low, high = (float(v) for v in np.percentile(values, [0.1, 99.9]))
    pad = 0.1 * (high - low) or 1.0
    return low - pad, high + pad


def plane_limits(points: Array) -> tuple[Limits, Limits]:
    """Robust limits of points (..., D >= 2) along the first two coordinates, of equal width."""
    pairs = [padded_limits(points[..., k]) for k in range(2)]
    half = max(high - low for low, high in pairs) / 2
    x, y = (((low + high) / 2 - half, (low + high) / 2 + half) for low, high in pairs)
    return x, y


def colour_range(images: Array) -> tuple[float, float]:
    """Least and greatest finite value."""
    values = images[np.isfinite(images)]
    return (float(values.min()), float(values.max())) if values.size else (0.0, 1.0)


def wide_range(images: Array, last: Array) -> Limits:
    """Colour range of images: that of the last ones, and wider where most of them go beyond."""
    low, high = colour_range(last)
    values = images[np.isfinite(images)]
    least, most = np.percentile(values, [0.5, 99.5]) if values.size else (low, high)
    return min(low, float(least)), max(high, float(most))


def bin_edges(limits: Limits, num_samples: int) -> Array:
    """Edges of 20 to 60 equal histogram bins, more for more samples."""
    return np.linspace(*limits, 1 + int(np.clip(num_samples**0.5, 20, 60)))


def mosaic(images: Array, rows: int, columns: int, limits: Limits) -> Array:
    """Arrange images in one mosaic in row-major order, with white gaps.

    Args:
        images: shape (B, C, H, W); images beyond rows * columns are left out.
        rows, columns: size of the grid; cells without an image are white.
        limits: values shown as black and white.

    Returns:
        Values in [0, 1], shape (H', W', 3).
    """
    low, high = limits
    scaled = np.nan_to_num(np.clip((images - low) / ((high - low) or 1.0), 0, 1))
    if scaled.shape[1] == 4:  # the last channel is opacity
        scaled = 1 - scaled[:, 3:] * (1 - scaled[:, :3])
    height, width = images.shape[2:]
    gap = max(1, height // 16)
    tiles = np.ones((rows, height + gap, columns, width + gap, 3))
    for k, image in enumerate(scaled[: rows * columns]):
        row, column = divmod(k, columns)
        tiles[row, :height, column, :width] = np.moveaxis(image, 0, -1)
    whole = tiles.reshape(rows * (height + gap), columns * (width + gap), 3)
    return whole[:-gap, :-gap]


def show_image(ax: Axes, image: Array) -> Any:
    """Draw a mosaic without ticks or frame."""
    ax.set_axis_off()
    return ax.imshow(image, interpolation="nearest")


def tidy(ax: Axes) -> None:
    """Style an axis with ticks, without a box and with small grey labels."""
    ax.spines[["top", "right"]].set_visible(False)
    ax.spines[["left", "bottom"]].set_color(_INK)
    ax.tick_params(labelsize=8, colors=_INK)
    ax.xaxis.label.set(size=9, color=_INK)
    ax.yaxis.label.set(size=9, color=_INK)
    ax.title.set(size=10, color=_INK)


def step_axis(ax: Axes, curves: Sequence[Array]) -> None:
    """Style a panel of curves over optimiser steps, with a grid.

    Its axis is logarithmic if the values are positive and span more than a factor of 5.

    Args:
        ax: the panel.
        curves: finite values of each curve.
    """
    values = np.concatenate([np.ones(0), *curves])
    if values.size and values.min() > 0 and values.max() > _LOG_SPAN * values.min():
        ax.set_yscale("log")
        subs = (1.0, 2.0, 5.0) if values.max() < 100 * values.min() else (1.0,)
        ax.yaxis.set_major_locator(LogLocator(subs=subs))
        ax.yaxis.set_major_formatter(FuncFormatter(lambda value, _: f"{value:g}"))
        ax.yaxis.set_minor_formatter(NullFormatter())
    ax.set_xlabel("step")
    ax.grid(color="#e6e6e6", linewidth=0.6)
    ax.set_axisbelow(True)
    tidy(ax)


def square(ax: Axes, x_limits: Limits, y_limits: Limits) -> None:
    """Style a panel of the plane, with these limits, equal scales and no ticks."""
    ax.set(xlim=x_limits, ylim=y_limits, xticks=[], yticks=[])
    ax.set_aspect("equal")
    ax.spines[:].set(color="#bbbbbb", linewidth=0.6)
    ax.title.set(size=10, color=_INK)


def check_path(where: str, path: Tensor, times: Tensor) -> None:
    """Require a path (S, B, *event) with its S >= 1 times."""
    check(
        path.dim() >= 2 and min(path.shape) > 0, where, "shape (S, B, *event)", tuple(path.shape)
    )
    check(times.shape == path.shape[:1], where, "one time per state", tuple(times.shape))


def spread_indices(times: Array, count: int) -> list[int]:
    """Indices of at most `count` states, whose times are nearest to equally spaced ones."""
    targets = np.linspace(times[0], times[-1], count)
    return sorted({int(np.abs(times - t).argmin()) for t in targets})
