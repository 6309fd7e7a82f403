"""Figures of losses draw the values in the metrics file."""

import numpy as np
import pytest
from helpers.figures import normal

from interpolants.plot.loss import plot_loss, smooth


def test_plot_loss_draws_what_the_file_holds(tmp_path):
    file = tmp_path / "metrics.csv"
    lines = ["step,train/loss,val/loss,val/energy_distance,val/energy_distance_floor"]
    lines += [f"{step},{10 / (step + 1)},,," for step in range(10)]
    lines += ["4,,2.5,0.3,0.1", "9,,1.5,0.2,0.12", "9,,,nan,"]
    file.write_text("\n".join(lines))
    figure = plot_loss(file)
    loss, energy = figure.axes
    raw, smoothed, validation = loss.get_lines()
    np.testing.assert_allclose(raw.get_xdata(), np.arange(10))
    np.testing.assert_allclose(raw.get_ydata(), 10 / (np.arange(10) + 1))
    np.testing.assert_allclose(smoothed.get_ydata(), smooth(np.asarray(raw.get_ydata())))
    np.testing.assert_allclose(validation.get_xydata(), [[4, 2.5], [9, 1.5]])
    value, floor = (line for line in energy.get_lines() if len(line.get_xdata()))
    np.testing.assert_allclose(value.get_xydata(), [[4, 0.3], [9, 0.2]])
    np.testing.assert_allclose(floor.get_xydata(), [[4, 0.1], [9, 0.12]])
    assert energy.get_title() == "energy distance"


def test_plot_loss_draws_two_spreads_each_way_and_no_panel_for_them():
    names = ("val/mmd", "val/mmd_sd", "val/mmd_floor", "val/mmd_floor_sd")
    rows = [{"step": k} | dict(zip(names, (3.0, 0.5, 2.0, 0.25), strict=True)) for k in (1, 2)]
    figure = plot_loss([*rows, {"step": 2, "val/odd_sd": 1.0}])
    mmd, odd = figure.axes[:2]
    assert (mmd.get_title(), odd.get_title()) == ("mmd", "odd sd")
    bars, band = mmd.collections
    ends = np.concatenate([path.vertices[:, 1] for path in bars.get_paths()])
    np.testing.assert_allclose(np.unique(ends), [2.0, 4.0])
    heights = band.get_paths()[0].vertices[:, 1]
    np.testing.assert_allclose(np.unique(heights), [1.5, 2.5])


def test_plot_loss_takes_rows_and_is_linear_where_the_loss_is_negative():
    rows = [{"step": s, "train/loss": v, "lr": 1.0} for s, v in enumerate((3.0, -0.5, -1.0))]
    figure = plot_loss(rows)
    (ax,) = figure.axes
    assert ax.get_yscale() == "linear"
    np.testing.assert_allclose(ax.get_lines()[0].get_ydata(), [3.0, -0.5, -1.0])
    decaying = plot_loss([{"step": s, "train/loss": 10.0**-s} for s in range(3)])
    assert decaying.axes[0].get_yscale() == "log"


def test_plot_loss_names_what_it_misses():
    with pytest.raises(ValueError, match=r"plot_loss\.rows: expected a column train/loss"):
        plot_loss([{"step": 1, "epoch": 0}])


def test_smooth_keeps_straight_lines_and_removes_noise():
    line = np.linspace(0, 1, 601)
    smoothed = smooth(line)
    np.testing.assert_allclose(smoothed[10:-10], line[10:-10])
    noise = normal(6000).double().numpy()
    assert smooth(noise).std() < noise.std() / 10
    np.testing.assert_array_equal(smooth(np.array([2.0])), [2.0])
