"""Figures of the training loss and validation metrics."""

from __future__ import annotations

import csv
from collections.abc import Iterable, Mapping
from pathlib import Path

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from interpolants.plot import style
from interpolants.plot.style import ACCENT_COLOUR, SAMPLES_COLOUR, Array
from interpolants.utils.checks import check

_TRAIN_LOSS, _VALIDATION_LOSS = "train/loss", "val/loss"
_VALIDATION, _FLOOR, _SPREAD = "val/", "_floor", "_sd"
_COLUMNS = 3
_SMOOTHING_SHARE = 30
_FLOOR_COLOUR = "#777777"


def plot_loss(rows: str | Path | Iterable[Mapping[str, object]]) -> Figure:
    """Draw a log of training.

    One panel shows the training loss, raw (thin) and smoothed (thick), with `val/loss` if there is
    one. Each other `val/` metric has a panel, in which `<metric>_floor` is a dashed line. The
    spreads `<metric>_sd` are bars, and `<metric>_floor_sd` a band, of two standard deviations each
    way: a point whose bar reaches into the band is no evidence of a difference. An axis is
    logarithmic if its values are positive and span more than a factor of 5.

    Args:
        rows: a CSV file with a column `step` and one per metric, or such rows as mappings. A
            missing metric is blank or absent.

    Raises:
        ValueError: if there is neither `train/loss` nor a `val/` metric.
    """
    curves = _curves(_read(rows) if isinstance(rows, (str, Path)) else rows)
    panels = [name for name in curves if _has_panel(name, curves)]
    has_loss = _TRAIN_LOSS in curves or _VALIDATION_LOSS in curves
    total = has_loss + len(panels)
    check(total > 0, "plot_loss.rows", "a column train/loss or val/*", sorted(curves))
    columns = min(total, _COLUMNS)
    height = -(-total // columns)
    figure = style.new_figure(4.2 * columns, 3.0 * height)
    axes = list(figure.subplots(height, columns, squeeze=False).flat)
    if has_loss:
        _draw_loss(axes[0], curves)
    for ax, name in zip(axes[has_loss:], panels, strict=False):
        _draw_metric(ax, name, curves)
    for ax in axes[total:]:
        ax.set_axis_off()
    return figure


def smooth(values: Array) -> Array:
    """Centred moving average over 1/30 of the curve, with shorter windows at its ends."""
    half = len(values) // (2 * _SMOOTHING_SHARE)
    total = np.concatenate([[0.0], np.cumsum(values)])
    index = np.arange(len(values))
    first = np.maximum(index - half, 0)
    last = np.minimum(index + half + 1, len(values))
    return np.asarray((total[last] - total[first]) / (last - first))


def _read(path: str | Path) -> list[dict[str, object]]:
    with open(path, newline="") as file:
        return [dict(row) for row in csv.DictReader(file)]


def _curves(rows: Iterable[Mapping[str, object]]) -> dict[str, Array]:
    """Steps and finite values of every metric of interest, each of shape (2, n)."""
    points: dict[str, list[tuple[float, float]]] = {}
    for row in rows:
        for name, value in row.items():
            wanted = name == _TRAIN_LOSS or str(name).startswith(_VALIDATION)
            if wanted and value not in ("", None):
                point = float(str(row["step"])), float(str(value))
                points.setdefault(name, []).append(point)
    arrays = {name: np.array(sorted(curve)).T for name, curve in points.items()}
    finite = {name: curve[:, np.isfinite(curve[1])] for name, curve in arrays.items()}
    return {name: curve for name, curve in finite.items() if curve.size}


def _has_panel(name: str, curves: Mapping[str, Array]) -> bool:
    own = (name.removesuffix(_SPREAD), name.removesuffix(_FLOOR))
    beside = any(other != name and other in curves for other in own)
    return name not in (_TRAIN_LOSS, _VALIDATION_LOSS) and not beside


def _draw_loss(ax: Axes, curves: Mapping[str, Array]) -> None:
    if _TRAIN_LOSS in curves:
        step, loss = curves[_TRAIN_LOSS]
        ax.plot(step, loss, color=SAMPLES_COLOUR, linewidth=0.6, alpha=0.35)
        ax.plot(step, smooth(loss), color=SAMPLES_COLOUR, linewidth=1.6, label="train")
    if _VALIDATION_LOSS in curves:
        ax.plot(*curves[_VALIDATION_LOSS], color=ACCENT_COLOUR, linewidth=1.4, label="validation")
    ax.set_title("loss")
    ax.legend(frameon=False, fontsize=8)
    style.step_axis(
        ax, [curves[name][1] for name in (_TRAIN_LOSS, _VALIDATION_LOSS) if name in curves]
    )


def _draw_metric(ax: Axes, name: str, curves: Mapping[str, Array]) -> None:
    (step, value), floor = curves[name], name + _FLOOR
    low, high = _band(name, curves)
    ax.errorbar(
        step,
        value,
        yerr=(value - low, high - value),
        color=ACCENT_COLOUR,
        elinewidth=0.9,
        marker="o",
        markersize=3,
        label="samples",
    )
    values = [value, high]
    if floor in curves:
        (at, middle), edges = curves[floor], _band(floor, curves)
        if len(at) == 1:  # a line all the same
            low, high = (np.repeat(part, 2) for part in edges)
            middle, edges = np.repeat(middle, 2), (low, high)
            at = at[0] + np.array([-0.5, 0.5]) * max(1.0, 0.1 * abs(float(at[0])))
        ax.plot(at, middle, color=_FLOOR_COLOUR, linestyle="--", label="fresh data")
        ax.fill_between(at, *edges, color=_FLOOR_COLOUR, alpha=0.2, linewidth=0)
        values += [middle, edges[1]]
        ax.legend(frameon=False, fontsize=8)
    ax.set_title(name.removeprefix(_VALIDATION).replace("_", " "))
    style.step_axis(ax, values)
    if ax.get_yscale() == "linear" and min(part.min() for part in values) >= 0:
        ax.set_ylim(bottom=max(0.0, ax.get_ylim()[0]))


def _band(name: str, curves: Mapping[str, Array]) -> tuple[Array, Array]:
    """Values less and plus twice their spread, if it is known at each of them."""
    (step, value), spread = curves[name], curves.get(name + _SPREAD)
    if spread is None or not np.array_equal(spread[0], step):
        return value, value
    return value - 2 * spread[1], value + 2 * spread[1]
