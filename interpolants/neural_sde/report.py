"""A neural SDE beside held-out series: bounds, metrics, predictions, pictures, and files."""

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
from interpolants.metric.base import Metric, MetricResult
from interpolants.neural_sde.model import SeriesModel, full_mask, over_frames
from interpolants.plot.series import plot_errors, plot_series
from interpolants.plot.style import is_image, save
from interpolants.plot.video import plot_frames
from interpolants.report.report import REFERENCES, Report, as_plain, compare, write_numbers
from interpolants.sampler.sampler import Samples
from interpolants.utils.checks import check, is_whole
from interpolants.utils.files import replace

# Held-out series that bounds and errors are means over, with how many numbers in all; paths of a
# prediction and of a bound; series and paths in pictures.
_MOST_SERIES, _MOST_NUMBERS = 1000, 2**25
_PATHS, _WEIGHTS = 16, 64
_DRAWN, _DRAWN_PATHS, _DRAWN_PRIOR = 3, 32, 20
# Settings of sample.py that say how interpolants are sampled.
_VOID = (
    "sampler",
    "num_steps",
    "likelihood",
    "animation",
    "output",
    "chunk_size",
    "label",
    "guidance",
)
# Hurst indices that are told one by one.
_FEW = 8


def checked_seen(seen: int | None, count: int) -> int:
    """How many observations predictions are given, half of them if None.

    Raises:
        ValueError: if it is not a whole number in [1, T]. With T there is nothing to predict.
    """
    chosen = max(1, count // 2) if seen is None else seen
    within = is_whole(chosen) and 1 <= chosen <= count
    check(within, "seen", f"a whole number in [1, {count}]", chosen)
    return chosen


def series_stem(stem: str, overrides: Sequence[str]) -> str:
    """How the files of a neural SDE are called: "series" unless the user says otherwise.

    Args:
        stem: as configured.
        overrides: of the command line.

    Raises:
        ValueError: for an override that is not about series.
    """
    chosen = [word.lstrip("+~") for word in overrides]
    for word in chosen:
        rule = "no such setting for a neural SDE, which is solved as in training"
        check(not word.startswith(_VOID), word.partition("=")[0], rule, word)
    return stem if any(word.startswith("stem=") for word in chosen) else "series"


def measure_series(
    model: SeriesModel, data: Data, metrics: Sequence[Metric], *, n: int, seed: int, seen: int
) -> tuple[Samples, list[MetricResult]]:
    """Draw series of the prior and compare them with real ones.

    Where series cannot be drawn without data they are predictions of held-out ones. Masks of
    held-out series are laid on what is compared.
    """
    began = time.perf_counter()
    batch = data.held_out(n, seed)
    if model.has_prior:
        drawn = model.sample(n, seed=seed)
    else:
        x = model.predict(batch.x1, batch.mask, seen=seen, seed=seed)
        drawn = Samples(x=x, nfe=model.nfe, seconds=time.perf_counter() - began)
    x = drawn.x.cpu()
    if batch.mask is not None:
        x = x[: len(batch.mask)] * over_frames(batch.mask[: len(x)], x)
    count = REFERENCES if metrics else 0
    pairs = [data.reference_pair(len(x), k) for k in range(count)]
    return drawn, compare(x, pairs, metrics) if metrics else []


def draw_look(model: SeriesModel, data: Data, drawn: Tensor, *, seen: int, seed: int = 0) -> Any:
    """A figure of held-out series with what the model makes of them, and of drawn ones."""
    is_video = is_image(model.event_shape[1:])
    x, mask = _observed(data.held_out(_DRAWN if is_video else _DRAWN_PRIOR, seed))
    times = torch.tensor(model.times, dtype=torch.float64)
    if is_video:
        predicted = model.predict(x, mask, seen=seen, seed=seed).cpu()
        videos = {"data": x, "model": predicted}
        if model.has_prior:
            videos["sample"] = drawn[: len(x)].cpu()
        return plot_frames(times, videos, seen=seen)
    paths = torch.stack([model.posterior(x, mask, seed=k).cpu() for k in range(_DRAWN_PATHS)])
    return plot_series(times, x, mask, paths, prior=drawn[:_DRAWN_PRIOR].cpu())


def write_series_report(
    model: SeriesModel,
    data: Data,
    metrics: Sequence[Metric],
    folder: Path,
    *,
    n: int,
    seed: int = 0,
    seen: int | None = None,
    stem: str = "samples",
) -> Report:
    """Draw, measure, and write `<stem>.npz`, `.json` and pictures into a folder.

    Its numbers are the evidence lower bound and the importance-weighted bound (64 paths), means
    over held-out series in nats with standard errors; the Hurst index; and mean squared errors
    of predictions: of the mean of 16 predicted paths, of the last frame that was seen, and of
    the mean of the training series.

    Args:
        model: what to report on.
        data: what to compare with.
        metrics: what to measure between drawn series and held-out ones.
        folder: made if it is not there.
        n: number of series drawn; bounds and errors take at most 1000 held-out ones.
        seed: of all that is drawn.
        seen: how many observations predictions are given; half of them if None.
        stem: how the files' names begin.
    """
    seen = checked_seen(seen, len(model.times))
    drawn, results = measure_series(model, data, metrics, n=n, seed=seed, seen=seen)
    most = max(_DRAWN, min(n, _MOST_SERIES, _MOST_NUMBERS // math.prod(model.event_shape)))
    x, mask = _observed(data.held_out(most, seed))
    errors, means = _errors(model, data, x, mask, seen, seed)
    numbers = _bounds(model, x, mask, seed) | hurst_numbers(model.hurst) | means
    cost: dict[str, Any] = {
        "n": len(drawn.x),
        "compared": min(len(drawn.x), len(data.reference_pair(n)[0])),
        "nfe": drawn.nfe,
        "seconds": drawn.seconds,
        "numbers": numbers,
    }
    files = [folder / f"{stem}.{kind}" for kind in ("npz", "json", "png")]
    samples, times = drawn.x.cpu().numpy(), np.array(model.times)
    replace(files[0], lambda file: np.savez_compressed(file, x=samples, times=times))
    curves = {name: values.tolist() for name, values in errors.items()}
    details = {"metrics": as_plain(results), "seen": seen, "times": list(model.times)}
    write_numbers(files[1], cost | details | {"squared_errors": curves})
    save(draw_look(model, data, drawn.x, seen=seen, seed=seed), files[2])
    files += _write_predictions(model, x, mask, errors, folder / stem, seen, seed)
    return Report(metrics=results, files=files, **cost)


def _observed(batch: Batch) -> tuple[Tensor, Tensor]:
    return batch.x1, full_mask(batch.x1) if batch.mask is None else batch.mask


def _bounds(model: SeriesModel, x: Tensor, mask: Tensor, seed: int) -> dict[str, float]:
    found = {
        "elbo": model.elbo(x, mask, seed=seed),
        "log_likelihood": model.log_likelihood(x, mask, samples=_WEIGHTS, seed=seed),
    }
    numbers = {}
    for name, values in found.items():
        numbers[name] = float(values.double().mean())
        numbers[f"{name}_se"] = float(values.double().std()) / math.sqrt(len(values))
    return numbers


def hurst_numbers(hurst: Tensor | None) -> dict[str, float]:
    """The Hurst index by name: one, or each of a few, or mean and range of many."""
    if hurst is None:
        return {}
    if hurst.dim() == 0:
        return {"hurst": float(hurst)}
    if len(hurst) <= _FEW:
        return {f"hurst_{k}": value for k, value in enumerate(hurst.tolist())}
    least, mean, most = float(hurst.min()), float(hurst.mean()), float(hurst.max())
    return {"hurst_min": least, "hurst_mean": mean, "hurst_max": most}


def _errors(
    model: SeriesModel, data: Data, x: Tensor, mask: Tensor, seen: int, seed: int
) -> tuple[dict[str, Tensor], dict[str, float]]:
    """Mean squared errors by the way to predict: at each time after `seen`, and over all."""
    if seen == x.shape[1]:
        return {}, {}
    predicted = torch.zeros_like(x)
    for k in range(_PATHS):
        predicted += model.predict(x, mask, seen=seen, seed=seed + k).cpu() / _PATHS
    rows, known = _observed(data.fitting_batch())
    weights = over_frames(known, rows)
    average = (rows * weights).sum(dim=0) / weights.sum(dim=0).clamp(min=1)
    last = (mask[:, :seen] * torch.arange(1, seen + 1)).argmax(dim=1)
    copied = x[torch.arange(len(x)), last].unsqueeze(1)
    guesses = {"prediction": predicted, "last_frame": copied, "mean": average}
    later = mask[:, seen:]
    curves, means = {}, {}
    for name, guess in guesses.items():
        each = (guess - x).flatten(2).square().mean(dim=2)[:, seen:] * later
        curves[name] = each.sum(dim=0) / later.sum(dim=0)
        means[f"mse_{name}"] = float(each.sum() / later.sum())
    return curves, means


def _write_predictions(
    model: SeriesModel,
    x: Tensor,
    mask: Tensor,
    errors: Mapping[str, Tensor],
    start: Path,
    seen: int,
    seed: int,
) -> list[Path]:
    """Fans of predicted paths, of vector series, and the errors against time."""
    if not errors:
        return []
    times = torch.tensor(model.times, dtype=torch.float64)
    files = []
    if not is_image(model.event_shape[1:]):
        x, mask = x[:_DRAWN], mask[:_DRAWN]
        draws = [model.predict(x, mask, seen=seen, seed=seed + k) for k in range(_DRAWN_PATHS)]
        files.append(start.with_name(f"{start.name}_prediction.png"))
        save(plot_series(times, x, mask, torch.stack(draws).cpu(), seen=seen), files[-1])
    files.append(start.with_name(f"{start.name}_errors.png"))
    save(plot_errors(times[seen:], errors), files[-1])
    return files
