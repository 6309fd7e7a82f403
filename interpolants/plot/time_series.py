"""Figures of vector time series: posterior paths, prior samples, and prediction errors."""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from torch import Tensor

from interpolants.plot import style
from interpolants.plot.figure_info import FigureInfo
from interpolants.plot.style import ACCENT_COLOUR, DATA_COLOUR, SAMPLES_COLOUR, Array
from interpolants.utils.checks import check

_ROWS, _COLUMNS, _LINES = 3, 3, 20
_BAND = (5, 95)
# The same band of a normal distribution, in standard deviations.
_HALF_BAND = 1.645


def plot_time_series(
    times: Tensor,
    x: Tensor,
    mask: Tensor,
    paths: Tensor,
    *,
    path_times: Tensor | None = None,
    exact: tuple[Tensor, Tensor] | None = None,
    context_length: int | None = None,
    prior: Tensor | None = None,
    info: FigureInfo | None = None,
) -> Figure:
    """Draw time series with posterior paths of a model, their mean, and a 90 percent band.

    A row shows one series, at most three, and a column one coordinate, at most three.

    Args:
        times: (T,).
        x: series, (B, T, *frame), whose frames are drawn as vectors.
        mask: True at existing observations, (B, T).
        paths: paths conditioned on each series, (P, B, N, *frame).
        path_times: times of the paths, (N,); those of the series if None.
        exact: mean and standard deviation of the known posterior, (B, N, *frame) each, whose 90
            percent band is drawn too.
        context_length: number of observations that the paths are conditioned on; all if None.
        prior: series drawn from the prior, (M, T, *frame), shown in one more row beside `x`.
        info: names of the coordinates, and title.

    Raises:
        ValueError: if the shapes do not match.
    """
    path_times, info = times if path_times is None else path_times, info or FigureInfo()
    shape, rule = tuple(paths.shape[1:]), (len(x), len(path_times), *x.shape[2:])
    check(shape == rule, "plot_time_series.paths", f"(P, *{rule})", shape)
    at, known, fine = style.to_array(times), style.to_array(mask) > 0, style.to_array(path_times)
    data, posterior = style.to_array(x.flatten(2)), style.to_array(paths.flatten(3))
    band = None if exact is None else [style.to_array(part.flatten(2)) for part in exact]
    rows, columns = min(_ROWS, len(data)), min(_COLUMNS, data.shape[-1])
    height = rows + (prior is not None)
    figure = style.new_figure(3.6 * columns + 0.4, 1.8 * height + 0.3)
    panels = figure.subplots(height, columns, squeeze=False, sharex=True)
    for c in range(columns):
        for r in range(rows):
            ax = panels[r, c]
            _draw_paths(ax, fine, posterior[:, r, :, c])
            if band is not None:
                _draw_exact(ax, fine, band[0][r, :, c], band[1][r, :, c])
            _draw_observed(ax, at[known[r]], data[r, known[r], c])
            if context_length is not None:
                ax.axvline(at[context_length - 1], color=ACCENT_COLOUR, linewidth=0.9)
            style.tidy(ax)
        panels[0, c].set_title(_name(info, c, data.shape[-1]))
        if prior is not None:
            drawn = style.to_array(prior.flatten(2))[:_LINES, :, c]
            _draw_prior(panels[-1, c], at, drawn, np.where(known, data[..., c], np.nan))
        panels[-1, c].set_xlabel("t")
    panels[0, 0].legend(frameon=False, fontsize=8)
    info.entitle(figure)
    return figure


def plot_errors(times: Tensor, errors: Mapping[str, Tensor]) -> Figure:
    """Draw squared errors of predictions against time.

    Args:
        times: times of the predicted observations, (S,).
        errors: one curve, (S,), for each method of prediction, the model's first.
    """
    figure = style.new_figure(5.0, 3.2)
    ax = figure.subplots()
    styles = ((SAMPLES_COLOUR, "-"), (ACCENT_COLOUR, "--"), (DATA_COLOUR, ":"))
    for (name, values), (colour, line) in zip(errors.items(), styles, strict=False):
        curve = style.to_array(values)
        ax.plot(
            style.to_array(times),
            curve,
            line,
            color=colour,
            label=name.replace("_", " "),
            linewidth=1.4,
        )
    ax.set(xlabel="t", ylabel="mean squared error", title="prediction")
    ax.set_ylim(bottom=0)
    ax.legend(frameon=False, fontsize=8)
    style.tidy(ax)
    return figure


def _draw_paths(ax: Axes, at: Array, paths: Array) -> None:
    low, high = np.percentile(paths, _BAND, axis=0)
    ax.fill_between(at, low, high, color=SAMPLES_COLOUR, alpha=0.2, linewidth=0)
    ax.plot(at, paths[:_LINES].T, color=SAMPLES_COLOUR, linewidth=0.4, alpha=0.4)
    ax.plot(at, paths.mean(axis=0), color=SAMPLES_COLOUR, linewidth=1.4, label="model")


def _draw_exact(ax: Axes, at: Array, mean: Array, std: Array) -> None:
    for k, label in ((0.0, None), (-_HALF_BAND, None), (_HALF_BAND, "known posterior")):
        ax.plot(at, mean + k * std, "--", color=ACCENT_COLOUR, linewidth=1.0, label=label)


def _draw_observed(ax: Axes, at: Array, values: Array) -> None:
    ax.plot(at, values, "o", color=DATA_COLOUR, markersize=2.5, label="data", zorder=3)


def _draw_prior(ax: Axes, at: Array, prior: Array, data: Array) -> None:
    marker = "o" if len(at) == 1 else None
    for lines, colour in ((data[:_LINES], DATA_COLOUR), (prior, SAMPLES_COLOUR)):
        ax.plot(at, lines.T, color=colour, linewidth=0.6, alpha=0.6, marker=marker)
    ax.set_title("samples, and data")
    style.tidy(ax)


def _name(info: FigureInfo, column: int, total: int) -> str:
    """Title of a column of panels; none for the only coordinate without a name."""
    if len(info.columns) == total:
        return info.name(column, total)
    return f"coordinate {column + 1} of {total}" if total > 1 else ""
