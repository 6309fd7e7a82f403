"""Animations of the flow."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.figure import Figure
from PIL import Image
from torch import Tensor

from interpolants.plot import style
from interpolants.plot.figure_info import FigureInfo
from interpolants.plot.samples import draw_points, histogram
from interpolants.plot.style import SAMPLES_COLOUR, Array
from interpolants.utils.files import replace

_FRAMES = 40
_FRAME_MS, _LAST_FRAME_MS = 60, 1500
_MAX_POINTS = 2000
_GRID = 8


def animate(
    path: Tensor, times: Tensor, file: str | Path, info: FigureInfo = FigureInfo()
) -> None:
    """Write the flow of the samples as a looping GIF of 40 frames, evenly spread in time.

    Planar points are drawn as points, of longer vectors the first two coordinates; scalars as a
    histogram; images as an 8 by 8 grid. The axes are fixed, the title shows the time, and the last
    frame stays longer. The file is written atomically.

    Args:
        path: states, shape (S, B, *event); with fewer than 40 states there are S frames.
        times: times of the states, shape (S,).
        file: file to write; its folder is created.
        info: names and scale.

    Raises:
        ValueError: if the shapes do not match.
    """
    style.check_path("animate.path", path, times)
    at = style.to_array(times)
    indices = style.spread_indices(at, _FRAMES)
    frames = style.to_array(path[indices, :_MAX_POINTS])
    if style.is_image(tuple(path.shape[2:])):
        figure, update = _images(frames)
    else:
        vectors = info.drawn(frames.reshape(*frames.shape[:2], -1))
        figure, update = (_line if vectors.shape[-1] == 1 else _plane)(vectors, info)
    canvas: Any = FigureCanvasAgg(figure)
    images = []
    for k, t in enumerate(at[indices]):
        update(k)
        figure.axes[0].set_title(f"t = {t:.2f}", size=11)
        canvas.draw()
        images.append(Image.fromarray(np.asarray(canvas.buffer_rgba())).convert("RGB"))
    _write(images, file)


def _write(images: list[Image.Image], file: str | Path) -> None:
    durations = [_FRAME_MS] * (len(images) - 1) + [_LAST_FRAME_MS]
    first, *rest = images
    options: dict[str, Any] = {"append_images": rest, "duration": durations, "loop": 0}
    replace(file, lambda target: first.save(target, format="GIF", save_all=True, **options))


def _new_figure(height: float) -> Figure:
    figure = style.new_figure(4.0, height)
    figure.set_dpi(100)
    return figure


def _images(frames: Array) -> tuple[Figure, Callable[[int], None]]:
    figure = _new_figure(4.0 * frames.shape[-2] / frames.shape[-1] + 0.35)
    mosaics = [
        style.mosaic(images, _GRID, _GRID, style.wide_range(images, frames[-1]))
        for images in frames
    ]
    drawn = style.show_image(figure.subplots(), mosaics[0])
    return figure, lambda k: drawn.set_data(mosaics[k])


def _line(frames: Array, info: FigureInfo) -> tuple[Figure, Callable[[int], None]]:
    figure = _new_figure(3.0)
    ax = figure.subplots()
    limits = info.limits(frames)
    edges = style.bin_edges(limits, frames.shape[1])
    densities = [histogram(values[:, 0], edges) for values in frames]
    drawn = ax.stairs(densities[0], edges, fill=True, color=SAMPLES_COLOUR, alpha=0.8)
    ax.set(xlim=limits, ylim=(0, 1.05 * max(d.max() for d in densities) or 1))
    info.label(ax.xaxis, 0, 1)
    ax.set_yticks([])
    style.tidy(ax)
    return figure, lambda k: drawn.set_data(densities[k])


def _plane(frames: Array, info: FigureInfo) -> tuple[Figure, Callable[[int], None]]:
    figure = _new_figure(4.3)
    ax = figure.subplots()
    points = frames[..., :2]
    drawn = draw_points(ax, points[0], SAMPLES_COLOUR, 5)
    style.square(ax, *style.plane_limits(points))
    info.label_plane(ax, frames.shape[-1])
    return figure, lambda k: drawn.set_offsets(points[k])
