"""Forecasts beyond the end of a series: from its last observations, in its units, with dates."""

import csv
import json

import numpy as np
import pytest
import torch
from helpers.compose import TINY_SERIES, leave_out_figures, sample_with, train_with

import interpolants as si
from interpolants.data.finite_time_series import FiniteTimeSeries
from interpolants.data.time_series import TimeSeries
from interpolants.model.request import SampleRequest
from interpolants.neural_sde.forecast import forecast


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    """A file of a day, two channels above 0 of which one lacks a number, and a run on it."""
    folder = tmp_path_factory.mktemp("series")
    values = np.exp(0.1 * np.random.default_rng(0).normal(size=(40, 2)).cumsum(axis=0))
    lines = [
        f"{np.datetime64('2026-01-20') + k},{'' if k == 37 else row[0]},{row[1]}"
        for k, row in enumerate(values)
    ]
    (folder / "rows.csv").write_text("\n".join(["day,a,b", *lines]))
    settings = ["data.length=8", "data.time=day", "data.log=true", "data.relative=true"]
    words = ["task=neural_sde", "data=time_series", f"data.path={folder / 'rows.csv'}", *settings]
    with pytest.MonkeyPatch.context() as patch:
        leave_out_figures(patch)
        words = [*words, "metric=[]", f"run_dir={folder / 'run'}"]
        train_with(folder, *words, sizes=TINY_SERIES)
    return folder


def data_of(folder, **options):
    settings = {"length": 8, "time": "day"} | options
    return TimeSeries(path=str(folder / "rows.csv"), **settings)


def test_end_of_a_series_is_its_last_observations(folder):
    rows = np.genfromtxt(folder / "rows.csv", delimiter=",", skip_header=1)[:, 1:]
    end = data_of(folder).end(4, 3)
    assert end.mask.tolist() == [True, False, True, True] and end.columns == ("a", "b")
    assert end.following.values.tolist() == ["2026-03-01", "2026-03-02", "2026-03-03"]
    known = torch.tensor(rows[-4:])
    assert torch.equal(end.x[end.mask], known[end.mask]) and (end.x[1] == 0).all()
    logs = data_of(folder, log=True, relative=True).end(4, 3)
    torch.testing.assert_close(logs.x[2:], (known[2:] / known[0]).log())
    torch.testing.assert_close(logs.in_units_of_file(logs.x)[logs.mask], known[end.mask])
    numbered = TimeSeries(path=str(folder / "rows.csv"), columns=["b"], length=8).end(4, 3)
    assert numbered.following.name == "step" and numbered.following.values.tolist() == [1, 2, 3]


@pytest.mark.parametrize(("names", "twice"), [("day,a,a_upper", "a_upper"), ("x,step,b", "step")])
def test_forecast_with_two_columns_of_one_name_is_left_out_with_a_note(names, twice, folder):
    text = (folder / "rows.csv").read_text()
    (folder / "names.csv").write_text(text.replace("day,a,b", names))
    time = "day" if "day" in names else None
    columns = names.split(",")[1:]
    data = TimeSeries(path=str(folder / "names.csv"), columns=columns, length=8, time=time)
    found = forecast(si.load(folder / "run"), data, SampleRequest(n=2))
    why = f"no forecast: it would have two columns {twice}; rename the channels in the file"
    assert found.table == {} and found.notes == (why,)


def test_forecast_is_that_of_predict_from_the_end_in_units_of_the_file(folder):
    data, model = data_of(folder, log=True, relative=True), si.load(folder / "run")
    found = forecast(model, data, SampleRequest(n=50, seed=3, context_length=5))
    end = data.end(5, 3)
    x = torch.cat([end.x, torch.full((3, 2), 9.0)]).repeat(50, 1, 1)  # what follows is not read
    mask = torch.cat([end.mask, torch.ones(3, dtype=torch.bool)]).repeat(50, 1)
    drawn = model.predict(x, mask, context_length=5, seed=3)[:, 5:].double()
    paths = ((drawn + end.first).exp()).numpy()
    table = found.table
    assert list(table) == ["day", "a", "a_lower", "a_upper", "b", "b_lower", "b_upper"]
    for k, name in enumerate("ab"):
        np.testing.assert_allclose(table[name], paths[..., k].mean(axis=0), rtol=1e-5)
        for end_name, level in {"lower": 0.05, "upper": 0.95}.items():
            expected = np.quantile(paths[..., k], level, axis=0)
            np.testing.assert_allclose(table[f"{name}_{end_name}"], expected, rtol=1e-5)
    assert table["day"].tolist() == ["2026-03-01", "2026-03-02", "2026-03-03"]


def test_sample_command_writes_forecasts_that_are_read_back_with_their_dates(folder, monkeypatch):
    leave_out_figures(monkeypatch)
    monkeypatch.chdir(folder)
    sample_with("ckpt=run", "n=20", "out=.", "metric=[]")
    with open("time_series_forecast.csv", newline="") as file:
        rows = list(csv.DictReader(file))
    assert [row["day"] for row in rows] == [f"2026-03-0{k}" for k in range(1, 5)]
    written = json.loads((folder / "time_series.json").read_text())["forecast"]
    assert written["day"] == [row["day"] for row in rows]
    assert written["b_upper"] == [float(row["b_upper"]) for row in rows]
    settings = {"length": 2, "held_out_fraction": 0.5, "columns": ["a", "b"]}
    again = TimeSeries(path="time_series_forecast.csv", time="day", **settings).end(4, 1)
    assert again.x.tolist() == [[float(row[name]) for name in "ab"] for row in rows]
    assert again.following.values.tolist() == ["2026-03-05"]


def test_no_forecast_without_one_series_or_a_time_to_forecast_or_observations(folder):
    model, request = si.load(folder / "run"), SampleRequest(n=3, context_length=4)
    many = FiniteTimeSeries(torch.rand(20, 8, 2), times=model.times)
    assert forecast(model, many, request) == ({}, ())
    data = data_of(folder, log=True)
    assert forecast(model, data, SampleRequest(n=3, context_length=8)) == ({}, ())
    data._series[-4:] = torch.nan
    table, (note,) = forecast(model, data, request)
    assert table == {} and note == "no forecast: none of the last 4 observations is there"
