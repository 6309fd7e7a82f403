"""Time series: masks, units, windows that do not leak, and the included real series."""

from __future__ import annotations

import hashlib
import math
from pathlib import Path

import pytest
import torch
from helpers.distributions import draw
from helpers.problems import load
from torch import Tensor

from interpolants.data.base import Batch
from interpolants.data.bridge import Bridge
from interpolants.data.finite import FiniteData
from interpolants.data.finite_time_series import FiniteTimeSeries
from interpolants.data.time_series import TimeSeries
from interpolants.data.time_series_data import TimeSeriesData
from interpolants.driver.estimate import exact_likelihood, variogram_hurst
from interpolants.space.scaling import Scaling
from interpolants.testing import check_data
from interpolants.training.stream import Chunk, Step
from interpolants.utils.seeds import keyed_generator

_FILES = Path(__file__).parent.parent.parent / "interpolants" / "data" / "files"
_TIMES = (0.0, 0.5, 2.0, 3.0)


def holey(n: int = 60) -> FiniteTimeSeries:
    """Series of two channels with holes: the first frame of series i is (i, 10 i)."""
    x = torch.randn(n, 4, 2, generator=keyed_generator(0)) * torch.tensor([1.0, 100.0]) + 5
    x[:, 0] = torch.arange(n).unsqueeze(1) * torch.tensor([1, 10])
    x[:, 1][torch.arange(n) % 3 == 0] = torch.nan
    x[::5, 2, 1] = torch.nan
    return FiniteTimeSeries(x, times=_TIMES)


def mask_of(batch: Batch) -> Tensor:
    assert batch.mask is not None
    return batch.mask


def test_series_masks_stay_with_their_rows_and_hide_whole_frames() -> None:
    data = holey()
    held = data.held_out(99, seed=0)
    for batch in (data.train_batch(1, 20, seed=2), draw(data, 50), held):
        number = batch.x1[:, 0, 0].long()
        expected = torch.ones(len(number), 4, dtype=torch.bool)
        expected[:, 1], expected[:, 2] = number % 3 != 0, number % 5 != 0
        assert torch.equal(mask_of(batch), expected)
        assert (batch.x1[~expected] == 0).all() and (batch.x1[expected][:, 1] != 0).any()
    whole = torch.arange(12.0).view(4, 3, 1)
    assert FiniteTimeSeries(whole, times=(1, 2, 3)).held_out(1, 0).mask is None


def test_series_mask_of_the_user_is_met_by_that_of_missing_numbers() -> None:
    x, mask = torch.arange(1.0, 13).view(4, 3, 1), torch.ones(4, 3, dtype=torch.bool)
    x[:, 0], mask[:, 1] = torch.nan, False
    held = FiniteTimeSeries(x, mask, times=(1, 2, 3)).held_out(1, 0)
    assert mask_of(held).tolist() == [[False, False, True]]
    first, second, third = held.x1.flatten().tolist()
    assert first == second == 0 and third in x[:, 2].flatten()


def test_series_masks_move_with_a_chunk_of_steps() -> None:
    batch = holey().held_out(4, 0)
    moved = Chunk([Step(3, batch)]).to(torch.device("meta"))[0].batch
    assert mask_of(moved).device.type == "meta" and moved.label is None


def test_series_units_are_moments_of_what_training_sees_at_any_time() -> None:
    data = holey()
    train = data.train_batch(0, data.num_train, seed=0)
    present = train.x1[mask_of(train)].double()
    for part, expected in (
        (data.shift, present.mean(0)),
        (data.scale, present.std(0, correction=0)),
    ):
        torch.testing.assert_close(part, expected.float().expand(4, 2))
    assert data.standardized and isinstance(data, TimeSeriesData)
    raw = FiniteTimeSeries(train.x1, times=_TIMES, standardize=False)
    assert (raw.shift == 0).all() and (raw.scale == 1).all()


def test_series_units_of_videos_are_by_channel_and_those_of_a_chart_by_its_numbers() -> None:
    x = torch.rand(50, 3, 2, 4, 5, generator=keyed_generator(0)) + 1
    x[:, :, 1] *= 100
    data, log = FiniteTimeSeries(x, times=(0, 1, 2)), load("space", "log")
    for units in ((data.shift, data.scale), data.chart_units(log)):
        for part in units:
            assert torch.equal(part, part[:1, :, :1, :1].expand(3, 2, 4, 5))
    y = Scaling(*data.chart_units(log), log).to_model(data.train_rows).transpose(0, 2).flatten(1)
    torch.testing.assert_close(y.mean(1), torch.zeros(2), rtol=0, atol=1e-4)
    torch.testing.assert_close(y.std(1), torch.ones(2), rtol=0, atol=1e-3)


def test_series_contract_finds_planted_faults() -> None:
    check_data(holey())
    for fault, match in (
        ("shift", "shift: not the same at all times"),
        ("times", "times: not ascending"),
        ("mask", "x1 is not 0 where nothing was observed"),
    ):
        data = holey()
        if fault == "shift":
            data.shift[2] += 1
        if fault == "times":
            data.times = (0.0, 2.0, 2.0, 3.0)
        if fault == "mask":
            data.train_rows[:] += 1
        with pytest.raises(AssertionError, match=match):
            check_data(data)


def test_finite_data_holds_out_the_chosen_rows() -> None:
    x = torch.arange(10.0).unsqueeze(1)
    data = FiniteData(x, is_held_out=x.flatten() >= 7)
    assert data.train_rows.flatten().tolist() == [0, 1, 2, 3, 4, 5, 6]
    assert sorted(data.held_out(9, 0).x1.flatten().tolist()) == [7, 8, 9]
    with pytest.raises(ValueError, match=r"FiniteData\.is_held_out: expected 10 times true or"):
        FiniteData(x, is_held_out=x.flatten() >= 10)


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"times": (0, 2, 2)}, r"times: expected 3 ascending numbers >= 0, got \(0, 2, 2\)"),
        ({"times": (-1, 2, 3)}, "times: expected 3 ascending numbers >= 0"),
        ({"times": (1, 2)}, "times: expected 3 ascending numbers >= 0"),
        ({"times": (1, 2, math.nan)}, "times: expected 3 ascending numbers >= 0"),
        ({"x": torch.ones(4, 3)}, r"x: expected shape \(series, times, \*frame\)"),
        ({"x": torch.full((4, 3, 1), math.inf)}, "x: expected no NaN and no infinite"),
        ({"mask": torch.ones(4, 2).bool()}, r"mask: expected true and false of shape \(4, 3\)"),
        ({"mask": torch.ones(4, 3)}, r"mask: expected true and false of shape \(4, 3\)"),
        (
            {"mask": torch.eye(4, 3).bool()},
            "mask: expected an observation in each series, got '1 with",
        ),
    ],
)
def test_series_that_do_not_fit_together_are_refused(
    changes: dict[str, object], message: str
) -> None:
    arguments: dict[str, object] = {"x": torch.ones(4, 3, 1), "times": (1, 2, 3)}
    with pytest.raises(ValueError, match=f"FiniteTimeSeries\\.{message}"):
        FiniteTimeSeries(**(arguments | changes))  # type: ignore[arg-type]


def test_bridge_is_one_observation_at_its_time() -> None:
    data = Bridge(value=0.5, end=1.5)
    batch = data.train_batch(0, 256, seed=0)
    assert data.times == (1.5,) and (batch.x1 == 0.5).all() and batch.mask is None
    assert data.event_shape == (1, 1) and data.shift.item() == 0 and data.scale.item() == 1


@pytest.mark.parametrize(
    ("name", "rows", "span"),
    [("nile", 663, "935 to 1466"), ("sp500", 5030, ""), ("vix", 1259, "")],
)
def test_series_files_are_those_that_their_provenance_says(
    name: str, rows: int, span: str
) -> None:
    content, said = (_FILES / f"{name}.csv").read_bytes(), (_FILES / "PROVENANCE.md").read_text()
    assert hashlib.sha256(content).hexdigest() in said and span in said
    assert content.count(b"\n") == rows + 1 and f"{rows:,}" in said


def column(name: str, key: str) -> Tensor:
    """All but the last part, that is what training sees."""
    data = TimeSeries(path=name, columns=[key], length=2, standardize=False)
    return data.train_rows[:, 0, 0].double()


def test_series_have_the_roughness_that_they_are_known_for() -> None:
    # Prices are diffusive, volatility is rough, levels of the Nile remember.
    price, range_, vix = (
        column(*where).log().diff().unsqueeze(0)
        for where in (("sp500", "close"), ("sp500", "parkinson"), ("vix", "vix"))
    )
    assert 0.44 < variogram_hurst(price).item() < 0.56
    assert 0.0 < variogram_hurst(range_, lags=(1, 2, 4, 8, 16, 32)).item() < 0.15
    assert 0.25 < variogram_hurst(vix, lags=(1, 2, 4, 8, 16, 32)).item() < 0.45
    nile = column("nile", "minimum")
    assert 0.75 < exact_likelihood((nile - nile.mean()).unsqueeze(0)).hurst.item() < 0.95
