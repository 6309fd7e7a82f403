"""Figures of paths: trajectories, snapshots and animations show the right states."""

import numpy as np
import pytest
import torch
from helpers.figures import normal, straight_path, visible_panels
from matplotlib.collections import LineCollection
from PIL import Image

from interpolants.plot.animation import animate
from interpolants.plot.snapshots import plot_snapshots
from interpolants.plot.trajectories import plot_trajectories


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


def test_trajectories_backwards_in_time_have_the_colours_of_their_times():
    path, times = straight_path(11, 5, 2)
    figure = plot_trajectories(path.flip(0), times.flip(0))
    lines = next(c for c in figure.axes[0].collections if isinstance(c, LineCollection))
    assert lines.get_clim() == (0.0, 1.0)
    scalars, times = straight_path(11, 5)
    ax = plot_trajectories(scalars.flip(0), times.flip(0)).axes[0]
    assert ax.get_xlim() == (0.0, 1.0)


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
    image = np.asarray(ax.images[0].get_array())
    assert image.shape == (8 * 5 - 1, 10 * 5 - 1, 3)
    row = image[6, 1::5, 0]
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
