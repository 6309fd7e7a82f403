"""Times after the last line of a file: numbers, dates on a grid, and dates of the calendar."""

import builtins

import numpy as np
import pytest

from interpolants.data.categories import categories_of
from interpolants.data.time_axis import TimeAxis


def axis(values, tick=1.0):
    return TimeAxis.of("t", categories_of(np.arange(len(values)), values), tick)


def following(values, count=3, tick=1.0):
    return axis(values, tick).following(count)


def months(first, count):
    """First days of months, as text."""
    dates = np.arange(first, np.datetime64(first, "M") + count, dtype="datetime64[M]")
    return dates.astype("datetime64[D]").astype(str).tolist()


@pytest.mark.parametrize(
    ("values", "tick", "expected"),
    [
        ([1282, 1283, 1284], 1.0, [1285, 1286, 1287]),
        ([5, 1, 3], 2.0, [7, 9, 11]),
        ([0.0, 0.5, 1.0], 0.5, [1.5, 2.0, 2.5]),
        (["2026-02-26", "2026-02-27"], 1.0, ["2026-02-28", "2026-03-01", "2026-03-02"]),
        # A gap is one of the grid's, whatever the other dates are.
        (["2026-01-05", "2026-01-26", "2026-01-12"], 7.0, ["2026-02-02", "2026-02-09"]),
        (
            ["2026-01-31 12:00:00", "2026-01-31 18:00:00"],
            0.25,
            ["2026-02-01T00:00:00", "2026-02-01T06:00:00"],
        ),
    ],
)
def test_times_go_on_along_the_grid(values, tick, expected):
    found = following(values, len(expected), tick)
    assert found.values.tolist() == expected and found.note == "" and found.name == "t"


@pytest.mark.parametrize("zone", ["Z", "+02:00", "-0500"])
def test_dates_with_a_time_zone_are_refused(zone):
    first = f"2026-01-31T12:00{zone}"
    with pytest.raises(ValueError, match=r"expected dates without a time zone, got '2026-01-31T"):
        axis([first, f"2026-02-01T12:00{zone}"])
    assert following(["2026-01-30 12:00", "2026-01-31 12:00"], 1).note == ""


@pytest.mark.parametrize("order", [1, -1])
def test_dates_off_the_grid_go_on_by_the_calendar(order):
    known = months("2024-11", 14)
    found = following(known[::order], 4, tick=30.4375)
    assert found.values.tolist() == months("2026-01", 4) and found.note == ""


_WITHOUT = {"gap": months("2024-11", 14)[:5] + months("2025-06", 4), "two": months("2026-01", 2)}


@pytest.mark.parametrize("case", [*_WITHOUT, "no pandas"])
def test_dates_without_a_frequency_are_those_of_the_grid_with_a_note(case, monkeypatch):
    if case == "no pandas":
        monkeypatch.setattr(builtins, "__import__", _without_pandas(builtins.__import__))
    known = _WITHOUT.get(case, months("2024-11", 14))
    found = following(known, 2, tick=30.4)
    times = axis(known, tick=30.4)
    last = int(times.points.max())
    steps = [np.timedelta64(round(86_400 * 30.4 * (last + k)), "s") for k in (1, 2)]
    assert found.values.tolist() == [str(np.datetime64(known[0]) + step) for step in steps]
    assert found.note.endswith("forecasts are dated 30.4 days apart")


def _without_pandas(load):
    def found(name, *arguments, **options):
        if name == "pandas":
            raise ImportError(name)
        return load(name, *arguments, **options)

    return found
