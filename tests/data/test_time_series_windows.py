"""Windows of a time series in a file: no leaks, holes, grids of times, and errors."""

from __future__ import annotations

import math
from pathlib import Path

import pyarrow as pa
import pytest
import torch
from pyarrow import parquet

from interpolants.data.time_series import TimeSeries
from interpolants.driver.estimate import variogram_hurst


@pytest.fixture
def path(tmp_path: Path) -> str:
    """Fifty lines of a day, the number k of the line, and 2^k, of which every seventh lacks k."""
    lines = ["day,k,power"]
    for k in range(50):
        number = "" if k % 7 == 3 else str(k)
        lines.append(f"2026-{1 + k // 28:02d}-{1 + k % 28:02d},{number},{2.0**k}")
    (tmp_path / "rows.csv").write_text("\n".join(lines))
    return str(tmp_path / "rows.csv")


@pytest.mark.parametrize(("length", "stride"), [(4, 1), (5, 3), (10, 10)])
def test_series_windows_are_runs_of_one_part(path: str, length: int, stride: int) -> None:
    data = TimeSeries(
        path=path, columns=["power"], log=True, standardize=False, length=length, stride=stride
    )
    held = data.held_out(999, 0).x1
    for rows, start, end in ((data.train_rows, 0, 40), (held, 40, 50)):
        first = [k for k in range(start, end - length + 1) if (k - start) % stride == 0]
        k = rows[..., 0].double() / math.log(2)
        k = k[k[:, 0].argsort()]
        expected = torch.tensor(first).unsqueeze(1) + torch.arange(length)
        torch.testing.assert_close(k, expected.double(), rtol=0, atol=1e-4)
    spanned = [k / (length - 1) for k in range(length)]
    assert data.times == pytest.approx(spanned) and data.event_shape == (length, 1)


def test_series_windows_have_the_holes_of_the_file(path: str) -> None:
    data = TimeSeries(path=path, columns=["k", "power"], standardize=False, length=4, spacing=0.5)
    batch = data.train_batch(0, data.num_train, 0)
    assert data.times == (0, 0.5, 1, 1.5) and batch.mask is not None
    # A frame lacks all its channels if one is missing; the other one identifies the line.
    line = batch.x1[..., 1].log2().round() - torch.arange(4)
    start = torch.where(batch.mask, line, -1).amax(dim=1, keepdim=True)
    number = start + torch.arange(4)
    assert torch.equal(batch.mask, number % 7 != 3)
    assert torch.equal(batch.x1[..., 0], torch.where(batch.mask, number, 0))
    assert (batch.x1[~batch.mask] == 0).all()


def test_series_relative_windows_start_at_their_first_observation(path: str) -> None:
    data = TimeSeries(path=path, columns=["k"], relative=True, standardize=False, length=4)
    batch = data.train_batch(0, data.num_train, 0)
    assert batch.mask is not None
    first = batch.mask.to(torch.uint8).argmax(dim=1, keepdim=True)
    expected = torch.where(batch.mask, torch.arange(4) - first, 0)
    assert torch.equal(batch.x1[..., 0], expected.float())


def test_series_times_lie_on_a_grid_with_holes(tmp_path: Path) -> None:
    # Days 0, 2, 3, 5, 6, 8, ... in any order, less than half a tick off; the value is the time.
    days = [float(k) for k in range(60) if k % 3 != 1]
    rows = [f"{100 + day + 0.2 * (-1) ** i},{day}" for i, day in enumerate(days)]
    (tmp_path / "rows.csv").write_text("\n".join(["t,x", *reversed(rows)]))
    data = TimeSeries(
        path=str(tmp_path / "rows.csv"), time="t", length=6, stride=6, standardize=False
    )
    batch = data.held_out(99, 0)
    assert batch.mask is not None
    place = torch.arange(6)
    assert torch.equal(batch.mask, (place % 3 != 1).expand(len(batch.mask), 6))
    start = batch.x1[:, :1, 0]
    assert sorted(start.flatten().tolist()) == [48, 54]
    assert torch.equal(batch.x1[..., 0], torch.where(batch.mask, start + place, 0))


def test_series_dates_count_days(path: str) -> None:
    data = TimeSeries(
        path=path, time="day", columns=["power"], length=5, log=True, standardize=False
    )
    batch = data.train_batch(0, data.num_train, 0)
    # The first 28 lines are days up to the 28th of January, the next one is the 1st of February.
    assert batch.mask is not None and (~batch.mask).sum() == 3 * 5
    row = (batch.x1[:, 0, 0] / math.log(2) - 26).abs().argmin()
    assert batch.mask[row].tolist() == [True, True, False, False, False]
    twice = TimeSeries(path=path, time="day", columns=["power"], length=5, log=True, tick=0.5)
    mask = twice.train_batch(0, 8, 0).mask
    assert mask is not None and not (mask[:, 1:] & mask[:, :-1]).any()


def test_series_that_come_along_are_found_by_name() -> None:
    data = TimeSeries(path="vix", columns=["vix"], log=True, length=64)
    rises = data.train_rows[::64, :, 0].double().diff(dim=1)
    assert 0.3 < variogram_hurst(rises).mean().item() < 0.5


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        (
            {"path": "nil"},
            r"path: expected a .*.feather file or one of nile, sp500, vix, got 'nil'",
        ),
        ({"path": "none.csv"}, r"path: expected an existing file, got 'none\.csv'"),
        ({"columns": ["day"]}, "path: expected a number in line 2, column 'day' of .* in `time`"),
        ({"columns": ["K"]}, "columns: expected one of the columns day, k, power, got 'K'"),
        ({"time": "date"}, "time: expected one of the columns day, k, power, got 'date'"),
        ({"columns": ["k"], "log": True}, r"log: expected false, or numbers > 0 .* got 0\.0"),
        ({"time": "day", "tick": 2.0}, "tick: expected less than the distance of any two times"),
        ({"time": "day", "tick": 1e-9}, "tick: expected a grid of at most 100 points for each"),
        ({"time": "k"}, r"time: expected a time in line \d+, column 'k' of .*csv, got 'none'"),
        (
            {"length": 11},
            "length: expected at least 11 grid points, one observed, in both .* 50 grid points",
        ),
        ({"length": 1}, "length: expected a whole number >= 2"),
        ({"stride": 0}, "stride: expected a whole number > 0"),
        ({"spacing": 0.0}, "spacing: expected a number > 0"),
        ({"held_out_fraction": 1.0}, r"held_out_fraction: expected a number in \(0, 1\)"),
    ],
)
def test_series_refuses(path: str, changes: dict[str, object], message: str) -> None:
    arguments: dict[str, object] = {"path": path, "columns": ["power"], "length": 4}
    with pytest.raises(ValueError, match=f"TimeSeries\\.{message}"):
        TimeSeries(**(arguments | changes))  # type: ignore[arg-type]


def test_series_are_read_from_tables_of_every_kind(tmp_path: Path) -> None:
    rows = [(f"2026-01-{k + 1:02}", k + 0.5) for k in range(20)]
    lines = ["day;power", *[f"{day};{power}".replace(".", ",") for day, power in rows]]
    (tmp_path / "x.csv").write_text("\n".join(lines))
    days = pa.array([date for date, _ in rows]).cast(pa.date32())
    table = pa.table({"day": days, "power": [power for _, power in rows]})
    parquet.write_table(table, tmp_path / "x.parquet")
    expected = TimeSeries(path=_written(tmp_path, rows), time="day", length=4).rows(_ALL).x1
    for name, settings in (("x.csv", {"decimal": "comma"}), ("x.parquet", {})):
        data = TimeSeries(path=str(tmp_path / name), time="day", length=4, **settings)  # type: ignore[arg-type]
        assert data.columns == ("power",)
        assert torch.equal(data.rows(_ALL).x1, expected)


_ALL = torch.arange(13)


def _written(folder: Path, rows: list[tuple[str, float]]) -> str:
    lines = ["day,power", *[f"{day},{power}" for day, power in rows]]
    (folder / "plain.csv").write_text("\n".join(lines))
    return str(folder / "plain.csv")
