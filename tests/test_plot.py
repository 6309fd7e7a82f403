"""Figures show the numbers they were given."""

from __future__ import annotations

import subprocess
import sys
import threading

import numpy as np
import pytest
import torch
from matplotlib.collections import LineCollection
from matplotlib.figure import Figure
from PIL import Image
from torch import Tensor

from interpolants.plot import style
from interpolants.plot.animation import animate
from interpolants.plot.loss import plot_loss, smooth
from interpolants.plot.samples import plot_samples
from interpolants.plot.snapshots import plot_snapshots
from interpolants.plot.trajectories import plot_trajectories


def normal(*shape: int, seed: int = 0) -> Tensor:
    return torch.randn(*shape, generator=torch.Generator().manual_seed(seed))


def straight_path(steps: int, batch: int, *event: int) -> tuple[Tensor, Tensor]:
    """x(t) = (1 - t) x0 + t x1 with x1 moved away from x0."""
    x0, x1 = normal(batch, *event, seed=1), normal(batch, *event, seed=2) + 5
    times = torch.linspace(0, 1, steps)
    t = times.view(-1, *(1,) * x0.dim())
    return (1 - t) * x0 + t * x1, times


def visible_panels(figure: Figure) -> int:
    return sum(bool(ax.axison or ax.images) for ax in figure.axes)


@pytest.mark.parametrize(
    ("event", "panels"),
    [((), 1), ((1,), 1), ((2,), 4), ((3,), 6), ((5,), 10), ((2, 4, 4), 10)],
    ids=str,
)
def test_plot_samples_panels_follow_the_event(event, panels):
    figure = plot_samples(normal(50, *event), normal(60, *event, seed=1))
    assert visible_panels(figure) == panels


@pytest.mark.parametrize("event", [(1, 8, 8), (3, 4, 6)], ids=str)
def test_plot_samples_puts_images_in_two_grids_on_the_scale_of_the_data(event):
    x, data = 100 * normal(70, *event), normal(64, *event, seed=1)
    figure = plot_samples(x, data)
    assert [ax.get_title() for ax in figure.axes] == ["samples", "data"]
    for ax, images in zip(figure.axes, (x, data), strict=True):
        picture = np.asarray(ax.images[0].get_array())
        scaled = ((images - data.min()) / (data.max() - data.min())).clamp(0, 1)
        height, width = event[1:]
        for k in (0, 7, 8, 63):
            top, left = (k // 8) * (height + 1), (k % 8) * (width + 1)
            tile = picture[top : top + height, left : left + width]
            expected = scaled[k].permute(1, 2, 0).expand(-1, -1, 3).numpy()
            np.testing.assert_allclose(tile, expected, atol=1e-6)


def test_plot_samples_in_the_plane_share_limits_and_colours_which_are_those_of_the_data():
    data = normal(2000, 2)
    data[0] = torch.tensor([1e4, 0.0])  # one outlier does not stretch the axes
    figure = plot_samples(10 * normal(500, 2, seed=1), data)
    limits = [(ax.get_xlim(), ax.get_ylim()) for ax in figure.axes]
    assert all(pair == limits[0] for pair in limits)
    (left, right), (bottom, top) = limits[0]
    assert 5 < right - left < 12 and np.isclose(right - left, top - bottom)
    colours = {ax.images[0].get_clim() for ax in figure.axes if ax.images}
    assert len(colours) == 1
    assert [ax.get_title() for ax in figure.axes if ax.images] == ["samples", "data"]


def test_plot_samples_densities_count_every_point_inside_the_panel():
    x, data = 2 * normal(700, 2), normal(1000, 2, seed=1)
    figure = plot_samples(x, data)
    (left, right), (bottom, top) = figure.axes[0].get_xlim(), figure.axes[0].get_ylim()
    densities = [np.asarray(ax.images[0].get_array()) for ax in figure.axes if ax.images]
    for points, density in zip((x, data), densities, strict=True):
        within_x = (points[:, 0] >= left) & (points[:, 0] <= right)
        within_y = (points[:, 1] >= bottom) & (points[:, 1] <= top)
        inside = (within_x & within_y).sum().item()
        assert inside < len(points)
        assert np.isclose(density.sum() * len(points), inside)


def test_plot_samples_densities_are_the_right_way_round():
    data = normal(400, 2)
    x = torch.tensor([[2.0, -1.0]]).expand(100, 2)
    ax = plot_samples(x, data).axes[0]
    density = np.asarray(ax.images[0].get_array())
    row, column = np.unravel_index(density.argmax(), density.shape)
    assert density.max() == 1 and ax.images[0].origin == "lower"
    left, right, bottom, top = ax.images[0].get_extent()
    bins = len(density)
    assert abs(left + (column + 0.5) * (right - left) / bins - 2) < (right - left) / bins
    assert abs(bottom + (row + 0.5) * (top - bottom) / bins + 1) < (top - bottom) / bins


def test_plot_samples_of_scalars_overlays_densities_on_common_edges():
    figure = plot_samples(normal(300), normal(500, seed=1))
    samples, data = (
        next(p for p in figure.axes[0].patches if p.get_label() == label).get_data()
        for label in ("samples", "data")
    )
    np.testing.assert_array_equal(samples.edges, data.edges)
    for drawn in (samples, data):
        mass = (drawn.values * np.diff(drawn.edges)).sum()
        assert 0.97 < mass <= 1 + 1e-9


def test_plot_samples_survives_diverged_samples_and_counts_them():
    x = normal(100, 2)
    x[:3] = torch.tensor([[float("nan"), 0.0], [float("inf"), 1.0], [0.0, -float("inf")]])
    figure = plot_samples(x, normal(100, 2, seed=1))
    assert figure.axes[0].get_title() == "samples (3 of 100 not finite)"
    density = np.asarray(figure.axes[0].images[0].get_array())
    assert density.sum() <= 0.97 + 1e-9
    plot_samples(torch.full((10, 2), float("nan")), normal(100, 2))
    plot_samples(torch.full((10, 1), float("nan")), normal(100, 1))


def test_plot_samples_rejects_what_it_cannot_compare():
    with pytest.raises(ValueError, match=r"plot_samples\.x: expected event \(3,\), got \(2,\)"):
        plot_samples(normal(4, 2), normal(4, 3))
    with pytest.raises(ValueError, match=r"plot_samples\.reference: expected at least one"):
        plot_samples(normal(4, 2), normal(0, 2))


def test_save_replaces_the_file_and_leaves_nothing_else(tmp_path):
    path = tmp_path / "new" / "figure.png"
    style.save(plot_samples(normal(30), normal(30)), path)
    style.save(plot_samples(normal(30, 2), normal(30, 2)), path)
    assert [p.name for p in path.parent.iterdir()] == ["figure.png"]
    with Image.open(path) as image:
        assert image.format == "PNG"
        assert image.size == (round(6.4 * style.DPI), round(6.6 * style.DPI))


def test_save_keeps_the_old_file_when_drawing_fails(tmp_path, monkeypatch):
    path = tmp_path / "figure.png"
    path.write_bytes(b"old")
    figure = plot_samples(normal(30), normal(30))

    def fail(file, **_):
        file.write_bytes(b"half")
        raise OSError("disk full")

    monkeypatch.setattr(figure, "savefig", fail)
    with pytest.raises(OSError, match="disk full"):
        style.save(figure, path)
    assert path.read_bytes() == b"old"
    assert [p.name for p in tmp_path.iterdir()] == ["figure.png"]


def test_trajectories_in_the_plane_are_the_paths_with_their_ends():
    path, times = straight_path(11, 250, 2)
    ax = plot_trajectories(path, times).axes[0]
    lines = next(c for c in ax.collections if isinstance(c, LineCollection))
    segments = np.stack(lines.get_segments()).reshape(10, 200, 2, 2)
    np.testing.assert_allclose(segments[:, :, 0], path[:-1, :200], atol=1e-6)
    np.testing.assert_allclose(segments[:, :, 1], path[1:, :200], atol=1e-6)
    colours = np.asarray(lines.get_array()).reshape(10, 200)
    np.testing.assert_allclose(colours[:, 7], (times[1:] + times[:-1]) / 2, atol=1e-6)
    start, end = (c for c in ax.collections if not isinstance(c, LineCollection))
    np.testing.assert_allclose(start.get_offsets(), path[0, :200], atol=1e-6)
    np.testing.assert_allclose(end.get_offsets(), path[-1, :200], atol=1e-6)


def test_trajectories_of_longer_vectors_say_which_coordinates_they_show():
    path, times = straight_path(4, 5, 7)
    ax = plot_trajectories(path, times).axes[0]
    assert ax.get_xlabel() == "coordinate 1 of 7" and ax.get_ylabel() == "coordinate 2 of 7"


def test_trajectories_of_scalars_run_over_time():
    path, times = straight_path(6, 3)
    ax = plot_trajectories(path, times).axes[0]
    lines = next(c for c in ax.collections if isinstance(c, LineCollection))
    segments = np.stack(lines.get_segments()).reshape(5, 3, 2, 2)
    np.testing.assert_allclose(segments[:, 1, 0, 0], times[:-1], atol=1e-6)
    np.testing.assert_allclose(segments[:, 1, 0, 1], path[:-1, 1], atol=1e-6)


def test_trajectories_of_images_are_eight_rows_ordered_in_time():
    path = torch.linspace(0, 1, 21).view(21, 1, 1, 1, 1).expand(21, 9, 1, 4, 4).contiguous()
    path[-1, :, :, 0, 0] = 0  # the final state sets the range of grey values
    ax = plot_trajectories(path, torch.linspace(0, 1, 21)).axes[0]
    picture = np.asarray(ax.images[0].get_array())
    assert picture.shape == (8 * 5 - 1, 10 * 5 - 1, 3)
    row = picture[6, 1::5, 0]
    np.testing.assert_allclose(row, np.linspace(0, 1, 10), atol=0.03)
    assert [label.get_text() for label in ax.get_xticklabels()][::9] == ["0.00", "1.00"]


def test_snapshots_are_six_panels_at_the_times_in_their_titles():
    path, times = straight_path(101, 400, 2)
    figure = plot_snapshots(path, times)
    titles = [ax.get_title() for ax in figure.axes]
    assert titles == [f"t = {t:.2f}" for t in np.linspace(0, 1, 6)]
    for ax in figure.axes:
        left, right = ax.get_xlim()
        density = np.asarray(ax.images[0].get_array())
        assert density.sum() > 0.98
        bins = len(density)
        centres = left + (np.arange(bins) + 0.5) * (right - left) / bins
        mean = (density.sum(axis=0) * centres).sum() / density.sum()
        t = float(ax.get_title().removeprefix("t = "))
        assert abs(mean - 5 * t) < 0.2


def test_snapshots_follow_times_that_are_not_evenly_spread():
    times = torch.linspace(0, 1, 101) ** 3
    path = times.view(-1, 1).expand(101, 50) + 0.01 * normal(50)
    figure = plot_snapshots(path, times)
    for ax, target in zip(figure.axes, np.linspace(0, 1, 6), strict=True):
        t = float(ax.get_title().removeprefix("t = "))
        values, edges, _ = ax.patches[0].get_data()
        mean = (values * np.diff(edges) * (edges[1:] + edges[:-1]) / 2).sum()
        assert abs(t - target) < 0.02 and abs(mean - t) < 0.05


@pytest.mark.parametrize(("event", "steps"), [((2,), 3), ((), 1), ((1, 4, 4), 6), ((5,), 9)])
def test_snapshots_have_a_panel_per_state_up_to_six(event, steps):
    figure = plot_snapshots(*straight_path(steps, 10, *event))
    assert visible_panels(figure) == min(steps, 6)


@pytest.mark.parametrize("plot", [plot_trajectories, plot_snapshots])
def test_path_plots_reject_times_that_do_not_match(plot):
    path, times = straight_path(5, 4, 2)
    with pytest.raises(ValueError, match=r"plot_\w+\.path: expected one time per state, got \(4"):
        plot(path, times[:-1])


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
    value, floor = energy.get_lines()
    np.testing.assert_allclose(value.get_xydata(), [[4, 0.3], [9, 0.2]])
    np.testing.assert_allclose(floor.get_xydata(), [[4, 0.1], [9, 0.12]])
    assert energy.get_title() == "energy distance"


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


@pytest.mark.parametrize(("event", "steps", "frames"), [((2,), 101, 40), ((1, 4, 4), 5, 5)])
def test_animation_has_its_frames_loops_and_leaves_nothing_else(tmp_path, event, steps, frames):
    file = tmp_path / "flow.gif"
    animate(*straight_path(steps, 64, *event), file)
    assert [p.name for p in tmp_path.iterdir()] == ["flow.gif"]
    with Image.open(file) as image:
        assert image.format == "GIF" and image.n_frames == frames
        assert image.info["loop"] == 0
        first = np.asarray(image.convert("RGB"))
        durations = []
        for k in range(frames):
            image.seek(k)
            durations.append(image.info["duration"])
        assert durations[-1] > 10 * durations[0]
        assert (np.asarray(image.convert("RGB")) != first).any()


def test_animation_axes_stay_still_and_cover_the_whole_path(tmp_path):
    path, times = straight_path(3, 300, 2)
    animate(path, times, tmp_path / "flow.gif")
    coloured = []
    with Image.open(tmp_path / "flow.gif") as image:
        for k in range(3):
            image.seek(k)
            rgb = np.asarray(image.convert("RGB")).astype(int)
            blue = rgb[..., 2] - rgb[..., 0] > 60
            coloured.append(np.argwhere(blue).mean(axis=0))
    (row0, column0), middle, (row1, column1) = coloured
    assert column1 - column0 > 100 and row0 - row1 > 100
    np.testing.assert_allclose(middle, ((row0 + row1) / 2, (column0 + column1) / 2), atol=12)


@pytest.mark.parametrize("event", [(), (6,)], ids=str)
def test_animation_draws_scalars_and_long_vectors(tmp_path, event):
    animate(*straight_path(2, 20, *event), tmp_path / "flow.gif")
    with Image.open(tmp_path / "flow.gif") as image:
        assert image.n_frames == 2


def test_figures_can_be_drawn_in_threads(tmp_path):
    x, data = normal(100, 2), normal(100, 2, seed=1)
    style.save(plot_samples(x, data), tmp_path / "alone.png")
    files = [tmp_path / f"{k}.png" for k in range(3)]
    threads = [
        threading.Thread(target=lambda file=file: style.save(plot_samples(x, data), file))
        for file in files
    ]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    expected = np.asarray(Image.open(tmp_path / "alone.png"))
    for file in files:
        np.testing.assert_array_equal(np.asarray(Image.open(file)), expected)


def test_plot_never_loads_pyplot():
    code = (
        "import sys, torch; from interpolants.plot.samples import plot_samples;"
        "plot_samples(torch.zeros(4, 2), torch.ones(4, 2));"
        "sys.exit('matplotlib.pyplot' in sys.modules)"
    )
    assert subprocess.run([sys.executable, "-c", code], check=False).returncode == 0
