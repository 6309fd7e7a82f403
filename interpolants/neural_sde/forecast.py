"""Forecasts of a time series after its last observation, with their dates."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from pathlib import Path
from typing import Any, NamedTuple

import torch

from interpolants.data.base import Data
from interpolants.data.time_series_data import TimeSeriesData
from interpolants.model.request import SampleRequest
from interpolants.neural_sde.model import TimeSeriesModel, checked_context_length
from interpolants.report.output.csv import CsvOutput

# Paths of a forecast at most, and the quantiles of them that are written.
_PATHS = 1000
_ENDS = {"_lower": 0.05, "_upper": 0.95}


class Forecast(NamedTuple):
    """Forecasts after the last observation.

    Attributes:
        table: columns by name: the times, and for each channel the mean of the paths under its own
            name, and the ends of the band that holds 90 % of them, `<name>_lower` and
            `<name>_upper`. Empty if there is nothing to forecast.
        notes: lines that a reader needs.
    """

    table: dict[str, Any]
    notes: tuple[str, ...] = ()

    def plain(self) -> dict[str, Any]:
        """Convert the table to plain data."""
        return {name: column.tolist() for name, column in self.table.items()}

    def write(self, folder: Path, stem: str) -> list[Path]:
        """Write the table as `<stem>_forecast.csv`; returns the files.

        If it is empty, an earlier file of that name is deleted.
        """
        if not self.table:
            (folder / f"{stem}_forecast.csv").unlink(missing_ok=True)
            return []
        return CsvOutput().write_table(self.table, folder, f"{stem}_forecast")


def forecast(model: TimeSeriesModel, data: Data, request: SampleRequest) -> Forecast:
    """Forecast from the last observations of a series, in the units of its file.

    A path is the mean of the observations given the latent state, as of `TimeSeriesModel.predict`:
    noise of observation is not in it.

    Args:
        model: the model.
        data: windows of one long series.
        request: number of paths, at most 1000 of which are drawn, and the context length.

    Returns:
        The forecast, which is empty if the data are not of one series, or the context is a whole
        window.
    """
    length = checked_context_length(request.context_length, len(model.times))
    ahead = len(model.times) - length
    end = data.end(length, ahead) if isinstance(data, TimeSeriesData) and ahead else None
    if end is None:
        return Forecast({})
    twice = _twice(end.following.name, end.columns)
    if twice:
        why = f"it would have two columns {', '.join(twice)}; rename the channels in the file"
        return Forecast({}, (f"no forecast: {why}",))
    if not bool(end.mask.any()):
        return Forecast({}, (f"no forecast: none of the last {length} observations is there",))
    paths = min(request.n, _PATHS)
    x = torch.cat([end.x, end.x.new_zeros(ahead, end.x.shape[1])]).expand(paths, -1, -1)
    mask = torch.cat([end.mask, end.mask.new_zeros(ahead)]).expand(paths, -1)
    drawn = model.predict(x, mask, context_length=length, seed=request.seed)[:, length:].cpu()
    values = end.in_units_of_file(drawn)
    ends = {name: values.quantile(level, dim=0) for name, level in _ENDS.items()}
    table, mean = {end.following.name: end.following.values}, values.mean(dim=0)
    for k, column in enumerate(end.columns):
        table[column] = mean[:, k].numpy()
        table |= {column + name: part[:, k].numpy() for name, part in ends.items()}
    return Forecast(table, tuple(filter(None, [end.following.note])))


def _twice(time: str, channels: Sequence[str]) -> list[str]:
    """Names that several columns of a forecast would have."""
    counts = Counter([time, *(name + part for name in channels for part in ("", *_ENDS))])
    return [name for name, count in counts.items() if count > 1]
