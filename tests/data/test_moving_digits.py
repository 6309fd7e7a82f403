"""Moving digits: straight lines, random bounces, and images at the right positions."""

from __future__ import annotations

import pytest
import torch
from helpers.problems import load
from torch import Tensor

from interpolants.data.moving_digits import MovingDigits
from interpolants.data.time_series_data import TimeSeriesData
from interpolants.utils.seeds import keyed_generator

_REACH = 20


def small(**changes: object) -> MovingDigits:
    settings: dict[str, object] = {
        "digits": 1,
        "frames": 40,
        "canvas": 38,
        "digit_size": 18,
        "slowest": 0.5,
        "fastest": 3.0,
    }
    return MovingDigits(**(settings | changes))  # type: ignore[arg-type]


def places(data: MovingDigits, count: int) -> Tensor:
    return data.places(count, keyed_generator(0)).double()


def test_moving_digits_keep_their_speed_but_for_bounces() -> None:
    place = places(small(), 2000)
    assert (place >= 0).all() and (place <= _REACH).all()
    velocity = place.diff(dim=1)
    # Never faster than the fastest; only a bounce within a frame makes a slower one.
    assert (velocity.abs() < 3 + 1e-4).all()
    change = velocity.diff(dim=1)
    wall = torch.minimum(place, _REACH - place)
    free = (wall[:, :-2] > 3.001) & (wall[:, 2:] > 3.001) & (wall[:, 1:-1] > 3.001)
    assert free.any() and (change[free].abs() < 1e-4).all()
    assert (velocity[:, :-1][free].abs() > 0.5 - 1e-4).all()


def test_moving_digits_bounce_back_at_a_new_uniform_speed() -> None:
    place = places(small(frames=80), 4000)
    velocity = place.diff(dim=1)
    # Away from walls: the speeds on two successive segments.
    middle = (place[:, :-1] - _REACH / 2).abs() < 3
    speed = torch.where(middle & (velocity.abs() > 0.49), velocity, torch.nan)
    before, after = [], []
    for row in speed:
        segments = row[~row.isnan()]
        turned = (segments[1:] * segments[:-1] < 0).nonzero().flatten()
        before.append(segments[turned].abs())
        after.append(segments[turned + 1].abs())
    old, new = torch.cat(before), torch.cat(after)
    assert len(new) > 4000
    # Fast segments are seen more often before the last frame, so only the correlation is near
    # zero.
    assert torch.corrcoef(torch.stack((old, new)))[0, 1].abs() < 0.1
    assert new.min() < 0.7 and new.max() > 2.8


def test_moving_digits_at_one_speed_follow_a_triangle_wave() -> None:
    place = places(small(slowest=2.0, fastest=2.0), 500)
    start, forward = place[:, :1], place[:, 1:2] > place[:, :1]
    wall = torch.minimum(start, _REACH - start) < 2
    run = torch.where(forward, start, 2 * _REACH - start) + 2 * torch.arange(40)
    expected = _REACH - (run % (2 * _REACH) - _REACH).abs()
    sure = ~wall.flatten()
    torch.testing.assert_close(place[sure], expected[sure], rtol=0, atol=1e-4)


def test_moving_digits_are_seen_where_they_are() -> None:
    data, generator = small(frames=25), keyed_generator(1)
    video = data.sample(64, keyed_generator(1)).x1[:, :, 0].double()
    torch.randint(1297, (64,), generator=generator)  # which digits
    place = data.places(128, generator).double().unflatten(0, (2, 64))
    axis = torch.arange(38, dtype=torch.float64) + 0.5
    ink = video.sum(dim=(2, 3))
    # An image is neither cut nor lit by moving, up to what a sum over pixels is off an integral.
    assert (ink / ink.mean(dim=1, keepdim=True) - 1).abs().max() < 0.02
    for side in (0, 1):
        centre = (video.sum(dim=3 - side) * axis).sum(dim=2) / ink
        offset = centre - place[side]
        assert (offset - offset.mean(dim=1, keepdim=True)).abs().max() < 0.05
        assert (offset > 4).all() and (offset < 14).all()


def test_moving_digits_are_bilinear_between_pixels() -> None:
    data = small()
    weights = data._weights(torch.tensor([0.0, 3.25]))
    # Knots are 2 pixels apart: at the centre of a pixel there is half of one and half of another,
    # and a quarter of a pixel further on a mix of 3/8 and 5/8.
    assert weights[0, 2].tolist() == [0.75, 0.25, 0, 0, 0, 0, 0, 0]
    torch.testing.assert_close(weights[0, 2:16].sum(1), torch.ones(14))
    moved = 3.5 - 3.25 + 2
    expected = torch.tensor([1 - abs(moved / 2 - 1), abs(moved / 2 - 1)])
    torch.testing.assert_close(weights[1, 5, :2], expected)
    assert (weights[1, :3] == 0).all() and (weights[1, 22:] == 0).all()


def test_moving_digits_overlap_by_the_brighter_pixel() -> None:
    data = small(digits=3)
    data.train_images.fill_(1)
    video = data.sample(16, keyed_generator(0)).x1
    # Squares of 18 pixels in one of 38 overlap often; their sum would be brighter than 1.
    assert video.max() == 1 and video.min() == 0


def test_moving_digits_hold_out_digits() -> None:
    data = small()
    assert len(data.train_images) == 1297 and len(data.held_out_images) == 500
    assert data.train_images.max() == 1 and data.train_images.min() == 0
    data.held_out_images.zero_()
    assert (data.held_out(8, seed=0).x1 == 0).all()
    assert all((rows == 0).all() for rows in data.reference_pair(8))
    assert (data.train_batch(0, 8, seed=0).x1.amax(dim=(1, 2, 3, 4)) > 0.5).all()


@pytest.mark.parametrize("stem", ["moving_digits", "moving_digits_small"])
def test_moving_digits_are_series_in_the_networks_units(stem: str) -> None:
    data = load("data", stem)
    frames, channels, height, width = data.event_shape
    assert isinstance(data, TimeSeriesData) and data.times == tuple(0.1 * k for k in range(frames))
    assert (channels, height) == (1, width)
    assert (data.shift == 0).all() and (data.scale == 1).all() and not data.standardized


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"canvas": 18}, "canvas: expected more than the 18 of a digit, got 18"),
        ({"digits": 0}, "digits: expected a whole number > 0"),
        ({"frames": 1}, "frames: expected at least 2"),
        ({"spacing": 0.0}, "spacing: expected a number > 0"),
        ({"slowest": 0.0}, "slowest: expected a number > 0"),
        ({"fastest": 0.4}, r"fastest: expected at least the slowest, 0\.5"),
    ],
)
def test_moving_digits_refuse(changes: dict[str, object], message: str) -> None:
    with pytest.raises(ValueError, match=f"MovingDigits\\.{message}"):
        small(**changes)
