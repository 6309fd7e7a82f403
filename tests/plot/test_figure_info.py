"""Figures name, scale and bound what they draw."""

import numpy as np
import pytest
import torch
from helpers.figures import normal, straight_path

from interpolants.plot.figure_info import FigureInfo
from interpolants.plot.images import plot_classes
from interpolants.plot.loss import plot_loss
from interpolants.plot.samples import plot_samples
from interpolants.plot.snapshots import plot_snapshots
from interpolants.plot.trajectories import plot_trajectories

_INFO = FigureInfo(title="LinearInterpolant: ProbabilityFlow", columns=("height", "weight"))
_POSITIVE = FigureInfo(columns=("height", "weight"), low=0.0, log=True)


def _ticks(axis):
    return [text.get_text() for text in axis.get_ticklabels() if text.get_text()]


@pytest.mark.parametrize("count", [1, 2, 3])
def test_plot_samples_names_columns(count):
    names = ("height", "weight", "age")[:count]
    info = FigureInfo(title="a title", columns=names)
    figure = plot_samples(normal(50, count), normal(60, count, seed=1), info=info)
    labels = {ax.get_xlabel() for ax in figure.axes} | {ax.get_ylabel() for ax in figure.axes}
    assert labels - {"", "density"} == set(names)
    assert figure.get_suptitle().startswith("a title")


def test_names_of_other_columns_are_not_used():
    figure = plot_samples(normal(50, 3), normal(60, 3, seed=1), info=_INFO)
    assert {ax.get_xlabel() for ax in figure.axes} - {""} == {f"coordinate {k}" for k in (1, 2, 3)}


def test_positive_data_have_logarithmic_axes_in_their_units():
    x = (2 * normal(500, 2)).exp()
    figure = plot_samples(x, x, info=_POSITIVE)
    figure.canvas.draw()
    ticks = [float(label) for label in _ticks(figure.axes[-1].xaxis)]
    assert ticks and all(np.log10(t) == pytest.approx(round(np.log10(t))) for t in ticks)
    points = figure.axes[2].collections[0].get_offsets()
    np.testing.assert_allclose(points, np.log10(x.double().numpy()), rtol=1e-6)


def test_bins_do_not_exceed_the_bounds_of_the_data():
    x = torch.rand(500, 1)
    figure = plot_samples(x, x, info=FigureInfo(low=0.0, high=1.0))
    assert figure.axes[0].get_xlim() == (0.0, 1.0)
    edges = figure.axes[0].patches[0].get_data().edges
    assert (edges[0], edges[-1]) == (0.0, 1.0)
    free = plot_samples(x, x).axes[0].get_xlim()
    assert free[0] < 0 and free[1] > 1


@pytest.mark.parametrize("plot", [plot_trajectories, plot_snapshots])
@pytest.mark.parametrize("count", [1, 2, 3])
def test_paths_name_columns_and_have_a_title(plot, count):
    info = FigureInfo(title="a title", columns=("height", "weight", "age")[:count])
    path, times = straight_path(5, 20, count)
    figure = plot(path.abs() + 1, times, info)
    labels = {ax.get_xlabel() for ax in figure.axes} | {ax.get_ylabel() for ax in figure.axes}
    assert set(info.columns[:2]) <= labels and figure.get_suptitle() == "a title"


@pytest.mark.parametrize("plot", [plot_trajectories, plot_snapshots])
def test_noise_is_shown_as_noise_and_images_as_they_are(plot):
    """Values beyond the images are not cut to black and white."""
    noise, images = 5 * normal(24, 1, 4, 4), torch.rand(24, 1, 4, 4).round()
    figure = plot(torch.stack([noise, images]), torch.tensor([0.0, 1.0]))
    drawn = [np.asarray(ax.images[0].get_array()) for ax in figure.axes if ax.images]
    start, end = (drawn[0], drawn[-1]) if len(drawn) > 1 else np.array_split(drawn[0], 2, axis=1)
    assert len(np.unique(start.round(6))) > 50
    assert set(np.unique(end)) == {0.0, 1.0}


def test_rows_of_classes_have_their_names():
    label = torch.arange(16) % 3
    figure = plot_classes(normal(16, 1, 4, 4), label, info=FigureInfo(classes=("cat", "dog")))
    assert _ticks(figure.axes[0].yaxis) == ["cat", "dog", "2"]


def test_a_floor_with_a_single_check_is_a_line():
    rows = [{"step": 100, "val/mmd": 3.0, "val/mmd_floor": 2.0, "val/mmd_floor_sd": 0.1}]
    (ax, *_) = plot_loss(rows).axes
    lines = [line for line in ax.get_lines() if line.get_linestyle() == "--"]
    assert len(lines[0].get_xdata()) == 2 and set(lines[0].get_ydata()) == {2.0}
    assert np.ptp(ax.collections[-1].get_paths()[0].vertices[:, 0]) > 0


def test_long_names_are_cut():
    assert FigureInfo(columns=("a" * 40,)).name(0, 1) == "a" * 23 + "…"
