"""Figures of time series and videos show the right values at the right places."""

import numpy as np
import pytest
import torch

from interpolants.plot.figure_info import FigureInfo
from interpolants.plot.time_series import plot_errors, plot_time_series
from interpolants.plot.video import plot_frames

_TIMES = torch.tensor([0.0, 0.5, 2.0])


def _series(n, channels):
    return torch.randn(n, 3, channels, generator=torch.Generator().manual_seed(0))


def _paths(x, count=100):
    """Paths x + k/10, k = 0..count-1."""
    return x + torch.arange(count).view(-1, 1, 1, 1) / 10


def test_series_are_rows_with_their_mean_and_their_band():
    x = _series(5, 2)
    figure = plot_time_series(_TIMES, x, torch.ones(5, 3).bool(), _paths(x))
    panels = figure.axes
    assert len(panels) == 3 * 2
    for r in range(3):
        for c in range(2):
            ax = panels[2 * r + c]
            lines = {line.get_label(): line for line in ax.lines}
            np.testing.assert_allclose(lines["data"].get_ydata(), x[r, :, c], rtol=1e-6)
            np.testing.assert_allclose(lines["model"].get_ydata(), x[r, :, c] + 4.95, rtol=1e-5)
            (band,) = ax.collections
            edges = band.get_paths()[0].vertices
            at_start = edges[np.isclose(edges[:, 0], 0.0), 1]
            low, high = np.percentile(np.arange(100) / 10, [5, 95]) + x[r, 0, c].item()
            assert at_start.min() == pytest.approx(low, rel=1e-4)
            assert at_start.max() == pytest.approx(high, rel=1e-4)


@pytest.mark.parametrize(
    ("channels", "columns", "titles"),
    [(1, (), [""]), (1, ("level",), ["level"]), (2, ("low", "high"), ["low", "high"])],
)
def test_series_have_the_names_of_their_columns_and_a_title(channels, columns, titles):
    x, info = _series(1, channels), FigureInfo("by Heun", columns=columns)
    figure = plot_time_series(_TIMES, x, torch.ones(1, 3).bool(), _paths(x), info=info)
    assert [ax.get_title() for ax in figure.axes] == titles
    assert figure.get_suptitle() == "by Heun"


def test_series_show_what_was_observed_alone():
    x, mask = _series(1, 1), torch.tensor([[True, False, True]])
    ax = plot_time_series(_TIMES, x, mask, _paths(x)).axes[0]
    data = next(line for line in ax.lines if line.get_label() == "data")
    np.testing.assert_allclose(data.get_xdata(), [0.0, 2.0])
    np.testing.assert_allclose(data.get_ydata(), x[0, [0, 2], 0], rtol=1e-6)


def test_series_predictions_say_what_was_seen():
    x = _series(2, 1)
    ax = plot_time_series(_TIMES, x, torch.ones(2, 3).bool(), _paths(x), context_length=2).axes[0]
    assert any(list(line.get_xdata()) == [0.5, 0.5] for line in ax.lines)


@pytest.mark.parametrize("count", [1, 4])
def test_series_of_the_prior_are_beside_the_data(count):
    x, prior = _series(2, 1), 10 + _series(count, 1)
    figure = plot_time_series(_TIMES, x, torch.ones(2, 3).bool(), _paths(x), prior=prior)
    ax = figure.axes[-1]
    heights = [line.get_ydata() for line in ax.lines]
    np.testing.assert_allclose(heights[:2], x[..., 0], rtol=1e-6)
    np.testing.assert_allclose(heights[2:], prior[..., 0], rtol=1e-6)


def test_series_of_one_observation_are_points():
    x = _series(2, 1)[:, :1]
    figure = plot_time_series(_TIMES[:1], x, torch.ones(2, 1).bool(), _paths(x), prior=x)
    assert {line.get_marker() for line in figure.axes[-1].lines} == {"o"}


def test_series_paths_of_other_series_are_refused():
    x = _series(2, 1)
    with pytest.raises(
        ValueError, match=r"^plot_time_series\.paths: expected \(P, \*\(2, 3, 1\)\)"
    ):
        plot_time_series(_TIMES, x, torch.ones(2, 3).bool(), _paths(x)[:, :1])


def test_errors_are_curves_against_time():
    errors = {"prediction": torch.tensor([1.0, 2.0, 3.0]), "last_frame": torch.ones(3)}
    ax = plot_errors(_TIMES, errors).axes[0]
    for line, (name, values) in zip(ax.lines, errors.items(), strict=True):
        assert line.get_label() == name.replace("_", " ")
        np.testing.assert_allclose(line.get_xdata(), _TIMES)
        np.testing.assert_allclose(line.get_ydata(), values)
    assert ax.get_ylim()[0] == 0


def test_frames_are_rows_by_kind_in_the_order_of_time():
    """Frames of one grey each: data k / 10 at frame k of video b, predictions half of it."""
    level = torch.arange(10).float().view(1, 10, 1, 1, 1) / 9
    data = level.expand(2, 10, 1, 16, 16).contiguous()
    videos = {"data": data, "predicted": data / 2}
    panels = plot_frames(torch.arange(10.0), videos, context_length=4).axes
    assert len(panels) == 2
    for ax in panels:
        image = np.asarray(ax.images[0].get_array())
        assert image.shape == (2 * 17 - 1, 10 * 17 - 1, 3)
        for row, factor in enumerate([1, 0.5]):
            greys = image[17 * row + 8, 8::17, 0]
            np.testing.assert_allclose(greys, factor * np.arange(10) / 9, atol=1e-6)
        assert [label.get_text() for label in ax.get_yticklabels()] == ["data", "predicted"]
        (line,) = ax.lines
        # The gap after the fourth frame is the pixel 4 * 17 - 1.
        assert abs(line.get_xdata()[0] - (4 * 17 - 1)) < 1
    assert [label.get_text() for label in panels[0].get_xticklabels()][:2] == ["0", "1"]
    assert [text.get_text() for text in panels[0].texts] == ["context", "predicted"]


@pytest.mark.parametrize(
    ("count", "stride", "context_length", "before"), [(15, 1, 7, 7), (16, 2, 3, 2), (40, 3, 20, 7)]
)
def test_frames_of_many_times_are_thinned_evenly(count, stride, context_length, before):
    """Every frame of one grey, its time; of 40 those at 0, 3, 6, ... are shown."""
    times = torch.linspace(0, 1, count)
    videos = {"data": times.view(1, count, 1, 1, 1).expand(1, count, 1, 16, 16)}
    ax = plot_frames(times, videos, context_length=context_length).axes[0]
    greys = np.asarray(ax.images[0].get_array())[8, 8::17, 0]
    np.testing.assert_allclose(greys, times[::stride] / times[::stride].max(), atol=1e-6)
    names = [label.get_text() for label in ax.get_xticklabels()]
    assert names == [f"{t:.3g}" for t in times[::stride].tolist()]
    assert abs(ax.lines[0].get_xdata()[0] - (17 * before - 1)) < 1


def test_frames_that_were_all_seen_have_no_line():
    videos = {"data": torch.rand(1, 4, 1, 8, 8, generator=torch.Generator().manual_seed(0))}
    ax = plot_frames(torch.arange(4.0), videos, context_length=4).axes[0]
    assert not ax.lines and not ax.texts


@pytest.mark.parametrize("shape", [(1, 3, 1, 4, 4), (1, 2, 4, 4)])
def test_frames_of_another_shape_are_refused(shape):
    videos = {"data": torch.zeros(1, 2, 1, 4, 4), "predicted": torch.zeros(shape)}
    with pytest.raises(ValueError, match=r"^plot_frames\.videos: expected one shape \(B, 2, C"):
        plot_frames(torch.arange(2.0), videos, context_length=1)
