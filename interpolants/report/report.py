"""Reports on samples of a model: metrics with floors, figures, and files."""

from __future__ import annotations

import dataclasses
import json
import math
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from torch import Tensor

from interpolants.data.base import Data
from interpolants.likelihood.base import LikelihoodFactory, LogProb
from interpolants.metric.base import Metric, MetricResult
from interpolants.model.inputs import with_inputs
from interpolants.model.model import Model
from interpolants.model.request import SampleRequest
from interpolants.plot.images import plot_classes
from interpolants.plot.samples import plot_samples
from interpolants.plot.style import is_image, save
from interpolants.report.output.npz import NpzOutput
from interpolants.report.paths import write_paths
from interpolants.report.settings import ReportSettings
from interpolants.sampler.samples import Samples
from interpolants.utils.files import replace
from interpolants.utils.seeds import keyed_generator

# Keeps the noise of dequantisation independent of other draws.
_NOISE = 41

Draw = Callable[[SampleRequest], Samples]
"""Function that draws the samples of a request."""

REFERENCES = 3
"""Number of reference samples that metrics are averaged over."""

# Most points in a figure.
_MAX_DRAWN = 10_000

_DENSITY = (
    "log density {mean:.5g} +- {standard_error:.2g} of {n} held-out data, "
    "{bits_per_dimension:.4f} +- {bits_standard_error:.2g} bits per dimension"
)


@dataclass(frozen=True, kw_only=True)
class Report:
    """Measurements and files of a report.

    Attributes:
        metrics: metrics with their floors.
        n: number of samples drawn; metrics use at most as many as there are real ones.
        compared: number of samples in the metrics.
        nfe: network calls per sample.
        seconds: sampling time.
        files: files written; a name with a * stands for several.
        log_prob: mean log density of held-out data with its standard error over the data, the same
            in bits per dimension, and the number of data; or None. It has no floor, since the
            entropy of the data is not known.
        outside: number of samples that left their space or overflowed, and are in no metric,
            figure or file; None for a process that no sample can leave. If fewer than two stayed,
            all are kept. The JSON file has null for numbers that are not finite.
        numbers: further measurements by name.
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
        """Format metrics with values and floors as aligned text, with numbers, cost and files."""
        rows = [f"{m.name:<22}{m.value:>12.5g}{m.floor:>12.5g}" for m in self.metrics]
        rows += [f"{name:<22}{value:>12.5g}" for name, value in self.numbers.items()]
        head = [f"{'metric':<22}{'value':>12}{'floor':>12}"] if rows else []
        cost = f"{self.n} samples ({self.compared} compared), NFE {self.nfe}, {self.seconds:.2f} s"
        if self.outside is not None:
            cost = (
                f"{cost}\n{self.outside} samples left their space or overflowed, and were left out"
            )
        if self.log_prob is not None:
            cost = f"{_DENSITY.format(**self.log_prob)}\n{cost}"
        notes: dict[str, list[str]] = {}
        for m in self.metrics:
            notes.setdefault(m.note, []).append(m.name)
        lines = [f"{', '.join(names)}: {note}" for note, names in notes.items() if note]
        return "\n".join([*head, *rows, *lines, cost, *(str(file) for file in self.files)])


def measure(
    model: Model,
    data: Data,
    metrics: Sequence[Metric],
    request: SampleRequest,
    draw: Draw | None = None,
) -> tuple[Samples, Tensor, list[MetricResult]]:
    """Draw samples and compare them with real ones.

    A backward process starts from held-out data and is compared with the base. A coupling that
    computes initial states from data uses held-out data, and the samples are compared with these
    and others.

    Args:
        model, data, metrics, request: as in `write_report`.
        draw: draws the samples of a request; `model.draw` if None.

    Returns:
        The samples that stayed in their space, the real samples that they were compared with, and
        the metrics.
    """
    full, backward = with_inputs(model, data, request), model.is_backward(request)
    drawn = (draw or model.draw)(full).inside()
    if backward:
        metrics = [metric for metric in metrics if not metric.of_training_data]
    for metric in metrics:
        metric.fit(data)
    count = REFERENCES if metrics else 1
    pairs = [_real_pair(model, data, len(drawn.x), backward, k) for k in range(count)]
    reference = pairs[0][0]
    return drawn, reference, compare(drawn.x, pairs, metrics)


def compare(
    x: Tensor, pairs: Sequence[tuple[Tensor, Tensor]], metrics: Sequence[Metric]
) -> list[MetricResult]:
    """Compute metrics with floors, of at most as many samples as there are real ones."""
    x = x.cpu()[: len(pairs[0][0])]
    pairs = [(real, fresh[: len(x)]) for real, fresh in pairs]
    return [result for metric in metrics for result in metric.measure(x, pairs)]


def as_plain(results: Sequence[MetricResult]) -> dict[str, dict[str, Any]]:
    """Convert metrics to plain data: values, floors and notes by name."""
    return {
        m.name: {"value": m.value, "floor": m.floor} | ({"note": m.note} if m.note else {})
        for m in results
    }


def write_numbers(path: Path, content: Mapping[str, Any]) -> None:
    """Write plain data as a JSON file, with null for numbers that are not finite."""
    text = json.dumps(_or_null(content), indent=2, allow_nan=False)
    replace(path, lambda file: file.write(text.encode()))


def _real_pair(
    model: Model, data: Data, n: int, backward: bool, draw: int
) -> tuple[Tensor, Tensor]:
    """Real samples to compare with, and others for the floor, in the units of the user."""
    if not backward:
        return data.reference_pair(n, draw)
    base = model.fields.base
    first, second = base.reference_pair(n, model.event_shape, draw)
    return base.scaling.to_data(first), base.scaling.to_data(second)


def write_report(
    model: Model,
    data: Data,
    metrics: Sequence[Metric],
    request: SampleRequest,
    settings: ReportSettings,
    draw: Draw | None = None,
) -> Report:
    """Draw samples, compute metrics, and write samples, `<stem>.json` and figures.

    Args:
        model: the model.
        data: the data to compare with.
        metrics: the metrics.
        request: the samples.
        settings: further output, and folder and stem of the files.
        draw: draws the samples, but not their paths; `model.draw` if None.
    """
    output = NpzOutput() if settings.output is None else settings.output
    output.check(model.event_shape)
    drawn, reference, results = measure(model, data, metrics, request, draw)
    samples, folder, stem = drawn.x.cpu(), settings.folder, settings.stem
    cost: dict[str, Any] = {
        "n": len(samples) if drawn.outside is None else request.n,
        "compared": min(len(samples), len(reference)),
        "nfe": drawn.nfe,
        "seconds": drawn.seconds,
        "outside": drawn.outside,
    }
    if settings.likelihood is not None:
        cost["log_prob"] = _held_out_log_prob(model, data, request, settings.likelihood)
    numbers, figure = (folder / f"{stem}.{kind}" for kind in ("json", "png"))
    written = output.write(samples, drawn.label, folder, stem)
    write_numbers(numbers, cost | {"metrics": as_plain(results), "request": request.record()})
    save(plot_samples(samples[:_MAX_DRAWN], reference[:_MAX_DRAWN]), figure)
    by_class = _write_classes(drawn, reference, folder / f"{stem}_classes.png")
    paths = write_paths(model, data, request, settings)
    return Report(metrics=results, files=[*written, numbers, figure, *by_class, *paths], **cost)


def _write_classes(drawn: Samples, reference: Tensor, file: Path) -> list[Path]:
    """Write a figure of images by class, if they have classes."""
    label = drawn.label
    if label is None or label.is_floating_point() or not is_image(tuple(drawn.x.shape[1:])):
        return []
    save(plot_classes(drawn.x, label, reference), file)
    return [file]


def _or_null(value: Any) -> Any:
    """Replace numbers that are not finite, which JSON does not have, by None."""
    if isinstance(value, Mapping):
        return {key: _or_null(part) for key, part in value.items()}
    if isinstance(value, (list, tuple)):
        return [_or_null(part) for part in value]
    return None if isinstance(value, float) and not math.isfinite(value) else value


def _held_out_log_prob(
    model: Model, data: Data, request: SampleRequest, likelihood: LikelihoodFactory
) -> dict[str, float]:
    """Log density of at most `n` held-out data given their labels, dequantised if needed."""
    held = data.held_out(request.n, request.seed)
    x = data.dequantised(held.x1, keyed_generator(_NOISE, request.seed))
    found = model.log_prob(
        x,
        seed=request.seed,
        label=None if model.labels is None else held.label,
        likelihood=likelihood,
        sampler=request.factory(model.sampler),
    )
    return _mean_log_prob(found, x[0].numel())


def _mean_log_prob(found: LogProb, dim: int) -> dict[str, float]:
    """Means and standard errors of log densities of data with `dim` elements."""
    value, bits = found.value.double(), found.bits_per_dimension(dim).double()
    return {
        "mean": float(value.mean()),
        "standard_error": float(value.std()) / math.sqrt(len(value)),
        "bits_per_dimension": float(bits.mean()),
        "bits_standard_error": float(bits.std()) / math.sqrt(len(bits)),
        "n": len(value),
    }
