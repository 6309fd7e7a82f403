"""Figures of samples show the right numbers; files are written atomically."""

import threading

import numpy as np
import pytest
import torch
from helpers.figures import normal, visible_panels
from helpers.scripts import modules_loaded_by
from matplotlib.backends.backend_agg import FigureCanvasAgg
from PIL import Image

from interpolants.plot import style
from interpolants.plot.images import plot_classes
from interpolants.plot.samples import plot_samples


@pytest.mark.parametrize(
    ("event", "panels"),
    [((), 1), ((1,), 1), ((2,), 4), ((3,), 6), ((5,), 10), ((2, 4, 4), 10)],
    ids=str,
)
def test_plot_samples_panels_follow_the_event(event, panels):
    figure = plot_samples(normal(50, *event), normal(60, *event, seed=1))
    assert visible_panels(figure) == panels


@pytest.mark.parametrize("event", [(1, 8, 8), (3, 4, 6), (4, 4, 6)], ids=str)
def test_plot_samples_puts_images_in_two_grids_on_the_scale_of_the_data(event):
    x, data = 100 * normal(70, *event), normal(64, *event, seed=1)
    figure = plot_samples(x, data)
    assert [ax.get_title() for ax in figure.axes] == ["samples", "data"]
    for ax, images in zip(figure.axes, (x, data), strict=True):
        image = np.asarray(ax.images[0].get_array())
        scaled = ((images - data.min()) / (data.max() - data.min())).clamp(0, 1)
        height, width = event[1:]
        for k in (0, 7, 8, 63):
            top, left = (k // 8) * (height + 1), (k % 8) * (width + 1)
            tile = image[top : top + height, left : left + width]
            expected = scaled[k].permute(1, 2, 0)
            if event[0] == 4:  # colours by their opacity on white
                expected = 1 - expected[..., 3:] + expected[..., :3] * expected[..., 3:]
            expected = expected.expand(-1, -1, 3).numpy()
            np.testing.assert_allclose(tile, expected, atol=1e-6)


def test_plot_classes_has_a_row_for_each_class_on_the_scale_of_the_data():
    label = torch.tensor([5, 2, 2, 5, 2] * 3)
    x = (label * 10.0).view(-1, 1, 1, 1).expand(-1, 1, 4, 4)
    figure = plot_classes(x, label, torch.tensor([0.0, 100.0]).view(2, 1, 1, 1))
    image = np.asarray(figure.axes[0].images[0].get_array())[..., 0]
    tiles = image[::5, ::5]  # the first pixel of each, with gaps of one
    # Of class 2 there are nine samples, of class 5 six, and two places stay white.
    np.testing.assert_allclose(tiles, [[0.2] * 8, [0.5] * 6 + [1.0] * 2], atol=1e-6)


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
    rule = r"plot_samples\.reference: expected event \(2,\), got \(3,\)"
    with pytest.raises(ValueError, match=rule):
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

    def fail(canvas, file):
        file.write(b"half")
        raise OSError("disk full")

    monkeypatch.setattr(FigureCanvasAgg, "print_png", fail)
    with pytest.raises(OSError, match="disk full"):
        style.save(figure, path)
    assert path.read_bytes() == b"old"
    assert [p.name for p in tmp_path.iterdir()] == ["figure.png"]


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
    code = "import torch; from interpolants.plot.samples import plot_samples"
    loaded = modules_loaded_by(f"{code}\nplot_samples(torch.zeros(4, 2), torch.ones(4, 2))")
    assert "matplotlib.figure" in loaded
    assert "matplotlib.pyplot" not in loaded


@pytest.mark.parametrize("event", [(), (2,), (5,), (1, 4, 4)], ids=str)
@pytest.mark.parametrize("alone", [True, False])
def test_plot_samples_draws_no_samples_and_samples_alone(event, alone, tmp_path):
    for n in (0, 30):
        figure = plot_samples(normal(n, *event), None if alone else normal(20, *event), "base")
        style.save(figure, tmp_path / "a.png")
        titles = " ".join(ax.get_title() for ax in figure.axes)
        assert ("base" in titles) != alone or event == (5,)
