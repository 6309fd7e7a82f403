"""Reports on neural SDEs: bounds, metrics, predictions and figures on held-out series."""

from __future__ import annotations

import math
import time
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch import Tensor

from interpolants.data.base import Batch, Data
from interpolants.metric.base import Metric, MetricResult, References
from interpolants.model.request import SampleRequest
from interpolants.neural_sde.forecast import forecast
from interpolants.neural_sde.hurst_index import hurst_numbers
from interpolants.neural_sde.known_posterior import known_posterior, posterior_results
from interpolants.neural_sde.model import (
    TimeSeriesModel,
    checked_context_length,
    full_mask,
    over_frames,
)
from interpolants.plot.figure_info import FigureInfo
from interpolants.plot.style import is_image, save
from interpolants.plot.time_series import plot_errors, plot_time_series
from interpolants.plot.video import plot_frames
from interpolants.report.kept import Kept
from interpolants.report.references import REFERENCES
from interpolants.report.report import Report, as_plain, compare, write_numbers
from interpolants.report.settings import ReportSettings
from interpolants.sampler.samples import Samples
from interpolants.utils.files import replace

# Held-out series in means of bounds and errors, and their numbers in all; paths of a prediction
# and of a bound; series and paths in figures.
_MOST_SERIES, _MOST_NUMBERS = 1000, 2**25
_PATHS, _WEIGHTS = 16, 64
_DRAWN, _DRAWN_PATHS, _DRAWN_PRIOR = 3, 32, 20


def measure_time_series(
    model: TimeSeriesModel,
    data: Data,
    metrics: Sequence[Metric],
    request: SampleRequest,
    kept: Kept | None = None,
) -> tuple[Samples, list[MetricResult]]:
    """Draw time series from the prior and compare them with real ones.

    Without a prior they are predictions of held-out series. The masks of held-out series are
    applied to both.
    """
    n, seed = request.n, request.seed
    began = time.perf_counter()
    batch = data.held_out(n, seed)
    if model.has_prior:
        drawn = model.sample(n, seed=seed)
    else:
        length = _context_length(model, request)
        x = model.predict(batch.x1, batch.mask, context_length=length, seed=seed)
        drawn = Samples(x=x, nfe=model.nfe, seconds=time.perf_counter() - began)
    x = drawn.x.cpu()
    if batch.mask is not None:
        x = x[: len(batch.mask)] * over_frames(batch.mask[: len(x)], x)
    count = REFERENCES if metrics else 0
    pairs = [data.reference_pair(len(x), k) for k in range(count)]
    return drawn, compare(x, References(pairs), metrics, kept) if metrics else []


def draw_check(model: TimeSeriesModel, data: Data, drawn: Tensor, request: SampleRequest) -> Any:
    """Plot held-out time series with the model's posterior or forecasts, and samples."""
    length, seed = _context_length(model, request), request.seed
    is_video = is_image(model.event_shape[1:])
    x, mask = _observed(data.held_out(_DRAWN if is_video else _DRAWN_PRIOR, seed))
    times = torch.tensor(model.times, dtype=torch.float64)
    if is_video:
        predicted = model.predict(x, mask, context_length=length, seed=seed).cpu()
        videos = {"data": x, "model": predicted}
        if model.has_prior:
            videos["sample"] = drawn[: len(x)].cpu()
        return plot_frames(times, videos, context_length=length)
    several = len(model.times) > 1
    if not several:  # the panels of equal observations would be equal
        x = torch.unique(x, dim=0)  # type: ignore[no-untyped-call]
        mask = full_mask(x)
    known = known_posterior(model, x[0]) if len(x) == 1 else None
    draws = _DRAWN_PATHS if several else 8 * _DRAWN_PATHS
    paths = model.posterior(*_repeated(x, mask, draws), seed=0, fine=True).cpu()
    return plot_time_series(
        times,
        x,
        mask,
        paths.reshape(draws, len(x), *paths.shape[1:]),
        path_times=model.nodes,
        exact=None if known is None else (known.mean.unsqueeze(0), known.std.unsqueeze(0)),
        prior=drawn[:_DRAWN_PRIOR].cpu() if several else None,
        info=_info(model, data),
    )


def _info(model: TimeSeriesModel, data: Data) -> FigureInfo:
    solver, steps = type(model.model.solver).__name__, len(model.nodes) - 1
    title = f"neural SDE by {solver}, {steps} steps"
    return FigureInfo(title, columns=tuple(getattr(data, "columns", ())))


def write_time_series_report(
    model: TimeSeriesModel,
    data: Data,
    metrics: Sequence[Metric],
    request: SampleRequest,
    settings: ReportSettings,
) -> Report:
    """Draw, measure, and write `<stem>.npz`, `.json` and figures into a folder.

    The numbers are the evidence lower bound and the importance-weighted bound (64 paths), means
    over held-out time series in nats with standard errors; the Hurst index; and mean squared
    errors of three forecasts: the mean of 16 predicted paths, the last frame of the context, and
    the mean of the training data. A series of a file is also forecast beyond its end.

    Args:
        model: the model.
        data: the data to compare with.
        metrics: metrics between drawn and held-out time series.
        request: number of samples, and the context length of forecasts; bounds and errors use at
            most 1000 held-out time series.
        settings: folder and stem of the files.
    """
    n, seed, folder, stem = request.n, request.seed, settings.folder, settings.stem
    context_length = _context_length(model, request)
    drawn, results = measure_time_series(model, data, metrics, request, settings.kept)
    most = max(_DRAWN, min(n, _MOST_SERIES, _MOST_NUMBERS // math.prod(model.event_shape)))
    x, mask = _observed(data.held_out(most, seed))
    errors, means = _errors(model, data, x, mask, context_length, seed)
    numbers = _bounds(model, x, mask, seed) | hurst_numbers(model.hurst) | means
    known = known_posterior(model, x[0]) if bool(mask.all()) else None
    if known is not None:
        results = [*results, *posterior_results(model, x[0], known, seed)]
        numbers["log_likelihood_exact"] = known.log_likelihood
    ahead = forecast(model, data, request)
    cost: dict[str, Any] = {
        "n": len(drawn.x),
        "compared": min(len(drawn.x), len(data.reference_pair(n)[0])) if results else 0,
        "nfe": drawn.nfe,
        "seconds": drawn.seconds,
        "numbers": numbers,
        "notes": [*settings.notes, *ahead.notes],
    }
    files = [folder / f"{stem}.{kind}" for kind in ("npz", "json", "png")]
    samples, times = drawn.x.cpu().numpy(), np.array(model.times)
    replace(files[0], lambda file: np.savez_compressed(file, x=samples, times=times))
    curves = {name: values.tolist() for name, values in errors.items()}
    details = {"metrics": as_plain(results), "times": list(model.times)}
    details |= {"squared_errors": curves, "forecast": ahead.plain()}
    asked = request.record() | {"context_length": context_length}
    write_numbers(files[1], cost | details | {"request": asked})
    save(draw_check(model, data, drawn.x, request), files[2])
    files += ahead.write(folder, stem)
    info = _info(model, data)
    files += _write_predictions(model, x, mask, errors, folder / stem, context_length, seed, info)
    return Report(metrics=results, files=files, **cost)


def _context_length(model: TimeSeriesModel, request: SampleRequest) -> int:
    return checked_context_length(request.context_length, len(model.times))


def _observed(batch: Batch) -> tuple[Tensor, Tensor]:
    return batch.x1, full_mask(batch.x1) if batch.mask is None else batch.mask


def _repeated(x: Tensor, mask: Tensor, count: int) -> tuple[Tensor, Tensor]:
    """Series and masks, all of them `count` times, for as many paths of each in one solve."""
    return torch.cat([x] * count), torch.cat([mask] * count)


def _bounds(model: TimeSeriesModel, x: Tensor, mask: Tensor, seed: int) -> dict[str, float]:
    found = {
        "elbo": model.elbo(x, mask, seed=seed),
        "log_likelihood": model.log_likelihood(x, mask, samples=_WEIGHTS, seed=seed),
    }
    numbers = {}
    for name, values in found.items():
        numbers[name] = float(values.double().mean())
        numbers[f"{name}_se"] = float(values.double().std()) / math.sqrt(len(values))
    return numbers


def _errors(
    model: TimeSeriesModel, data: Data, x: Tensor, mask: Tensor, context_length: int, seed: int
) -> tuple[dict[str, Tensor], dict[str, float]]:
    """Mean squared errors of each forecast: at each time after the context, and over all."""
    if context_length == x.shape[1]:
        return {}, {}
    predicted = torch.zeros_like(x)
    for k in range(_PATHS):
        predicted += (
            model.predict(x, mask, context_length=context_length, seed=seed + k).cpu() / _PATHS
        )
    rows, known = _observed(data.fitting_batch())
    weights = over_frames(known, rows)
    average = (rows * weights).sum(dim=0) / weights.sum(dim=0).clamp(min=1)
    last = (mask[:, :context_length] * torch.arange(1, context_length + 1)).argmax(dim=1)
    copied = x[torch.arange(len(x)), last].unsqueeze(1)
    forecasts = {"prediction": predicted, "last_frame": copied, "mean": average}
    later = mask[:, context_length:]
    curves, means = {}, {}
    for name, guess in forecasts.items():
        each = (guess - x).double().flatten(2).square().mean(dim=2)[:, context_length:] * later
        curves[name] = each.sum(dim=0) / later.sum(dim=0)
        means[f"mse_{name}"] = float(each.sum() / later.sum())
    return curves, means


def _write_predictions(
    model: TimeSeriesModel,
    x: Tensor,
    mask: Tensor,
    errors: Mapping[str, Tensor],
    start: Path,
    context_length: int,
    seed: int,
    info: FigureInfo,
) -> list[Path]:
    """Plot predicted paths of vector series, and errors against time."""
    if not errors:
        return []
    times = torch.tensor(model.times, dtype=torch.float64)
    files = []
    if not is_image(model.event_shape[1:]):
        x, mask = x[:_DRAWN], mask[:_DRAWN]
        many = _repeated(x, mask, _DRAWN_PATHS)
        paths = model.predict(*many, context_length=context_length, seed=seed).cpu()
        paths = paths.reshape(_DRAWN_PATHS, len(x), *paths.shape[1:])
        files.append(start.with_name(f"{start.name}_prediction.png"))
        figure = plot_time_series(times, x, mask, paths, context_length=context_length, info=info)
        save(figure, files[-1])
    files.append(start.with_name(f"{start.name}_errors.png"))
    save(plot_errors(times[context_length:], errors), files[-1])
    return files
