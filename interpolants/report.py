"""Samples of a model beside real ones: metrics with their floors, pictures, and files of both."""

from __future__ import annotations

import dataclasses
import json
import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from torch import Tensor

from interpolants.coupling.base import Pair
from interpolants.data.base import Data
from interpolants.files import replace
from interpolants.likelihood.base import LikelihoodFactory, LogProb
from interpolants.metric.base import Metric, MetricResult, with_floor
from interpolants.model import Model, SamplerFactory
from interpolants.plot.animation import animate
from interpolants.plot.images import plot_classes
from interpolants.plot.samples import plot_samples
from interpolants.plot.snapshots import plot_snapshots
from interpolants.plot.style import is_image, save
from interpolants.plot.trajectories import plot_trajectories
from interpolants.sampler import Samples
from interpolants.shapes import flatten_event

REFERENCES = 3
"""How many real sets metrics are means over."""

# Points in one picture, and the paths of a flow.
_MAX_DRAWN = 10_000
_PATH_TIMES = tuple(k / 40 for k in range(41))
_MAX_PATHS = 2_000
# What `Model.sample` takes that is no setting of a sampler.
_NOT_OF_SAMPLERS = ("label", "guidance", "chunk_size")


@dataclass(frozen=True, kw_only=True)
class Report:
    """What was measured and what was written.

    Attributes:
        metrics: each with its floor.
        n: number of samples drawn; metrics use at most as many as there are real ones.
        compared: number of samples that entered the metrics.
        nfe: network calls per sample.
        seconds: sampling time.
        files: what was written; a name with a * stands for several.
        log_prob: mean log density of held-out data, its standard error over the data, the bits
            per dimension that it makes, and the number of data; or None.
        outside: how many samples left their space or overflowed, and are in no metric, picture or
            file; None for a process that none can leave. Where fewer than two stayed, all are
            kept as they are. The JSON file has null for numbers that are not finite.
        numbers: what else was measured, by name.
    """

    metrics: Sequence[MetricResult]
    n: int
    compared: int
    nfe: int
    seconds: float
    files: Sequence[Path]
    log_prob: Mapping[str, float] | None = None
    outside: int | None = None
    numbers: Mapping[str, float] = dataclasses.field(default_factory=dict)

    def table(self) -> str:
        """Metric, value and floor as aligned text, other numbers, then cost and files."""
        rows = [f"{m.name:<22}{m.value:>12.5g}{m.floor:>12.5g}" for m in self.metrics]
        rows += [f"{name:<22}{value:>12.5g}" for name, value in self.numbers.items()]
        head = [f"{'metric':<22}{'value':>12}{'floor':>12}"] if rows else []
        cost = f"{self.n} samples ({self.compared} compared), NFE {self.nfe}, {self.seconds:.2f} s"
        if self.outside is not None:
            cost = (
                f"{cost}\n{self.outside} samples left their space or overflowed, and were left out"
            )
        if self.log_prob is not None:
            density = "log density {mean:.5g} +- {standard_error:.2g} of {n} held-out data"
            cost = f"{density.format(**self.log_prob)}\n{cost}"
        return "\n".join([*head, *rows, cost, *(str(file) for file in self.files)])


def measure(
    model: Model,
    data: Data,
    metrics: Sequence[Metric],
    *,
    n: int,
    seed: int = 0,
    sampler: SamplerFactory | None = None,
    **options: Any,
) -> tuple[Samples, Tensor, list[MetricResult]]:
    """Draw samples and compare them with real ones.

    A backward process starts from held-out data and is compared with the base. A coupling that
    makes beginnings from data makes them of held-out data, whose samples are then compared with
    those and others.

    Returns:
        The samples that stayed in their space, the real ones they were compared with, and the
        metrics.
    """
    drawn, backward = _draw(model, data, n=n, seed=seed, sampler=sampler, **options)
    count = REFERENCES if metrics else 1
    pairs = [_real_pair(model, data, len(drawn.x), backward, k) for k in range(count)]
    reference = pairs[0][0]
    return drawn, reference, compare(drawn.x, pairs, metrics)


def compare(
    x: Tensor, pairs: Sequence[tuple[Tensor, Tensor]], metrics: Sequence[Metric]
) -> list[MetricResult]:
    """Metrics of samples with their floors; at most as many samples as there are real ones."""
    x = x.cpu()[: len(pairs[0][0])]
    pairs = [(real, fresh[: len(x)]) for real, fresh in pairs]
    return [with_floor(metric, x, pairs) for metric in metrics]


def as_plain(results: Sequence[MetricResult]) -> dict[str, dict[str, float]]:
    """Values and floors by name, as plain data."""
    return {m.name: {"value": m.value, "floor": m.floor} for m in results}


def write_numbers(path: Path, content: Mapping[str, Any]) -> None:
    """Write plain data as a JSON file, with null for numbers that are not finite."""
    text = json.dumps(_or_null(content), indent=2, allow_nan=False)
    replace(path, lambda file: file.write(text.encode()))


def _draw(
    model: Model,
    data: Data,
    *,
    n: int,
    seed: int,
    sampler: SamplerFactory | None,
    times: Sequence[float] = (),
    **options: Any,
) -> tuple[Samples, bool]:
    """Samples, and whether a backward process drew them.

    It starts from held-out data, as does a coupling that makes beginnings from data; samples then
    get the labels of those.
    """
    settings = {k: v for k, v in options.items() if k not in _NOT_OF_SAMPLERS}
    backward = model.make_sampler(sampler, **settings).process.backward
    if backward or model.fields.coupling.data_dependent:
        held = data.held_out(n, seed)
        begun = Pair(held.x1) if backward else model.pair(held.x1, seed)
        label = None if model.labels is None else held.label
        n, options = len(held.x1), {"label": label, **options}
        options |= {"start": begun.x0, "image": begun.image}
    drawn = model.sample(n, seed=seed, sampler=sampler, times=times, **options)
    return _inside(drawn), backward


def _inside(drawn: Samples) -> Samples:
    """Without the samples that left their space; all of them where fewer than two stayed."""
    if not drawn.outside:
        return drawn
    stayed = flatten_event(drawn.x).isfinite().all(dim=1)
    if drawn.path is not None:
        stayed = stayed & drawn.path.isfinite().transpose(0, 1).flatten(1).all(dim=1)
    if int(stayed.sum()) < 2:
        return drawn
    path = None if drawn.path is None else drawn.path[:, stayed]
    label = None if drawn.label is None else drawn.label[stayed.to(drawn.label.device)]
    return dataclasses.replace(drawn, x=drawn.x[stayed], path=path, label=label)


def _real_pair(
    model: Model, data: Data, n: int, backward: bool, draw: int
) -> tuple[Tensor, Tensor]:
    """What to compare with, and other real samples, in the units of the user."""
    if not backward:
        return data.reference_pair(n, draw)
    base = model.fields.base
    first, second = base.reference_pair(n, model.event_shape, draw)
    return base.scaling.to_data(first), base.scaling.to_data(second)


def write_report(
    model: Model,
    data: Data,
    metrics: Sequence[Metric],
    folder: Path,
    *,
    n: int,
    seed: int = 0,
    sampler: SamplerFactory | None = None,
    stem: str = "samples",
    animation: bool = False,
    likelihood: LikelihoodFactory | None = None,
    **options: Any,
) -> Report:
    """Draw, measure, and write `<stem>.npz`, `.json` and pictures into a folder.

    Args:
        model: what to sample.
        data: what to compare with.
        metrics: what to measure.
        folder: made if it is not there.
        n: number of samples.
        seed: of the samples.
        sampler: the sampler; the model's own if None.
        stem: how the files' names begin.
        animation: whether to write a GIF of the flow too.
        likelihood: estimates log densities of at most `n` held-out data; none if None.
        options: settings of the sampler to change, and `label` and `guidance` as in
            `Model.sample`.
    """
    drawn, reference, results = measure(
        model, data, metrics, n=n, seed=seed, sampler=sampler, **options
    )
    samples = drawn.x.cpu()
    cost: dict[str, Any] = {
        "n": len(samples) if drawn.outside is None else n,
        "compared": min(len(samples), len(reference)),
        "nfe": drawn.nfe,
        "seconds": drawn.seconds,
        "outside": drawn.outside,
    }
    if likelihood is not None:
        settings = {k: v for k, v in options.items() if k not in _NOT_OF_SAMPLERS}
        held = data.held_out(n, seed)
        settings |= {"label": None if model.labels is None else held.label}
        found = model.log_prob(
            held.x1, seed=seed, likelihood=likelihood, sampler=sampler, **settings
        )
        cost["log_prob"] = _mean_log_prob(found, held.x1[0].numel())
    arrays, numbers, picture = (folder / f"{stem}.{kind}" for kind in ("npz", "json", "png"))
    replace(arrays, lambda file: np.savez_compressed(file, x=samples.numpy()))
    write_numbers(numbers, cost | {"metrics": as_plain(results)})
    save(plot_samples(samples[:_MAX_DRAWN], reference[:_MAX_DRAWN]), picture)
    by_class = _write_classes(drawn, folder / f"{stem}_classes.png")
    paths = _write_paths(model, data, folder, stem, seed, sampler, animation, options)
    return Report(metrics=results, files=[arrays, numbers, picture, *by_class, *paths], **cost)


def _write_classes(drawn: Samples, picture: Path) -> list[Path]:
    """A picture of images by their classes, where they have some."""
    label = drawn.label
    if label is None or label.is_floating_point() or not is_image(tuple(drawn.x.shape[1:])):
        return []
    save(plot_classes(drawn.x, label), picture)
    return [picture]


def _or_null(value: Any) -> Any:
    """Plain data with None for numbers that are not finite, for which JSON has no word."""
    if isinstance(value, Mapping):
        return {key: _or_null(part) for key, part in value.items()}
    return None if isinstance(value, float) and not math.isfinite(value) else value


def _mean_log_prob(found: LogProb, dim: int) -> dict[str, float]:
    """What the report says of log densities of data with `dim` elements."""
    value = found.value.double()
    return {
        "mean": float(value.mean()),
        "standard_error": float(value.std()) / math.sqrt(len(value)),
        "bits_per_dimension": float(found.bits_per_dimension(dim).double().mean()),
        "n": len(value),
    }


def _write_paths(
    model: Model,
    data: Data,
    folder: Path,
    stem: str,
    seed: int,
    sampler: SamplerFactory | None,
    animation: bool,
    options: dict[str, Any],
) -> list[Path]:
    """Trajectories, snapshots and, if asked for, the animation, from one run of paths."""
    drawn, _ = _draw(
        model, data, n=_MAX_PATHS, seed=seed, sampler=sampler, times=_PATH_TIMES, **options
    )
    assert drawn.path is not None and drawn.times is not None
    path, times = drawn.path.cpu(), drawn.times
    pictures = {"trajectories": plot_trajectories, "snapshots": plot_snapshots}
    files = []
    for name, draw in pictures.items():
        files.append(folder / f"{stem}_{name}.png")
        save(draw(path, times), files[-1])
    if animation:
        files.append(folder / f"{stem}.gif")
        animate(path, times, files[-1])
    return files
