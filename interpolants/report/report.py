"""Reports on samples of a model: metrics with floors, figures, and files."""

from __future__ import annotations

import dataclasses
import json
import math
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any, NamedTuple

from torch import Tensor

from interpolants.data.base import Data
from interpolants.likelihood.base import LikelihoodFactory, LogProb
from interpolants.metric.base import Metric, MetricResult, References
from interpolants.model.inputs import held_rows, with_inputs
from interpolants.model.model import Model
from interpolants.model.request import SampleRequest
from interpolants.model.table import table_of
from interpolants.plot.figure_info import FigureInfo
from interpolants.plot.images import plot_classes
from interpolants.plot.samples import plot_samples
from interpolants.plot.style import is_image, save
from interpolants.report.figure_info import figure_info
from interpolants.report.kept import Kept
from interpolants.report.output.npz import NpzOutput
from interpolants.report.paths import write_paths
from interpolants.report.references import REFERENCES, Reference, reference_of
from interpolants.report.settings import ReportSettings
from interpolants.sampler.samples import Samples
from interpolants.utils.checks import check
from interpolants.utils.files import replace
from interpolants.utils.seeds import keyed_generator

# Keeps the noise of dequantisation independent of other draws.
_NOISE = 41

Draw = Callable[[SampleRequest], Samples]
"""Function that draws the samples of a request."""

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
        metrics: metrics with their floors and the spreads of both.
        n: number of samples drawn; metrics use at most as many as there are real ones.
        compared: number of samples in the metrics; 0 without metrics.
        nfe: network calls per sample.
        seconds: sampling time.
        files: files written; a name with a * stands for several.
        log_prob: mean log density of held-out data with its standard error over the data, the same
            in bits per dimension, and the number of data; or None. It has no floor, since the
            entropy of the data is not known.
        outside: number of samples that are not finite, since they left their space or overflowed,
            and are in no metric, figure or file. The JSON file has null for numbers that are not
            finite.
        numbers: further measurements by name.
        notes: lines that a reader needs, such as why there are no metrics.
    """

    metrics: Sequence[MetricResult]
    n: int
    compared: int
    nfe: int
    seconds: float
    files: Sequence[Path]
    log_prob: Mapping[str, float] | None = None
    outside: int = 0
    numbers: Mapping[str, float] = dataclasses.field(default_factory=dict)
    notes: Sequence[str] = ()

    def table(self) -> str:
        """Format metrics with values and floors as aligned text, with numbers, cost and files."""
        rows = [
            f"{m.name:<22}{_spread(m.value, m.sd)}{_spread(m.floor, m.floor_sd)}".rstrip()
            for m in self.metrics
        ]
        rows += [f"{name:<22}{value:>12.5g}" for name, value in self.numbers.items()]
        head = [f"{'metric':<22}{'value':>12}{'':<11}{'floor':>12}".rstrip()] if rows else []
        cost = f"{self.n} samples ({self.compared} compared), NFE {self.nfe}, {self.seconds:.2f} s"
        if self.outside:
            cost += f"\n{self.outside} of {self.n} samples are not finite, and were left out"
        if self.log_prob is not None:
            cost = f"{_DENSITY.format(**self.log_prob)}\n{cost}"
        notes: dict[str, list[str]] = {}
        for m in self.metrics:
            notes.setdefault(m.note, []).append(m.name)
        lines = [f"{', '.join(names)}: {note}" for note, names in notes.items() if note]
        return "\n".join([*head, *rows, *lines, *self.notes, cost, *map(str, self.files)])


def _spread(value: float, sd: float) -> str:
    return f"{value:>12.5g}{f' +- {sd:.2g}':<11}"


class Measured(NamedTuple):
    """Samples of a request beside real ones.

    Attributes:
        samples: the finite samples.
        reference: what they are compared with.
        results: the metrics.
        lost: number of samples that are not finite, and are left out.
    """

    samples: Samples
    reference: Reference
    results: list[MetricResult]
    lost: int


def measure(
    model: Model,
    data: Data | None,
    metrics: Sequence[Metric],
    request: SampleRequest,
    draw: Draw | None = None,
    kept: Kept | None = None,
) -> Measured:
    """Draw samples and compare them with real ones.

    A backward process starts from held-out data and is compared with the base. A coupling that
    computes initial states from data uses held-out data, and the samples are compared with these
    and others. If a label was asked for, all of these have this label.

    Args:
        model, data, metrics, request: as in `write_report`.
        draw: draws the samples of a request; `model.draw` if None.
        kept: results on real samples that were computed before.
    """
    whole = (draw or model.draw)(with_inputs(model, data, request))
    drawn = whole.finite()
    if model.is_backward(request):
        metrics = [metric for metric in metrics if not metric.of_training_data]
    count = REFERENCES if metrics else 1
    found = reference_of(model, data, request, len(drawn.x), count)
    results: list[MetricResult] = []
    if metrics and found.references is not None:
        for metric in metrics:
            if data is not None:
                metric.fit(data)
        results = compare(drawn.x, found.references, metrics, kept)
    return Measured(drawn, found, results, len(whole.x) - len(drawn.x))


def compare(
    x: Tensor, references: References, metrics: Sequence[Metric], kept: Kept | None = None
) -> list[MetricResult]:
    """Compute metrics with floors, of at most as many samples as there are real ones.

    Args:
        x: samples, (n, *event).
        references: real samples; what they keep is replaced.
        metrics: the metrics, fitted.
        kept: results on real samples that were computed before.
    """
    x = x.cpu()[: len(references.pairs[0][0])]
    pairs = [(real, fresh[: len(x)]) for real, fresh in references.pairs]
    references, kept = references._replace(pairs=pairs), kept or Kept()
    found = [
        result
        for metric in metrics
        for result in metric.measure(x, references._replace(keep=kept.of(metric, references)))
    ]
    kept.save()
    return found


def as_plain(results: Sequence[MetricResult]) -> dict[str, dict[str, Any]]:
    """Convert metrics to plain data: values, floors, their spreads and notes by name."""
    plain = {}
    for found in results:
        numbers = found._asdict()
        name, note = numbers.pop("name"), numbers.pop("note")
        plain[name] = numbers | ({"note": note} if note else {})
    return plain


def write_numbers(path: Path, content: Mapping[str, Any]) -> None:
    """Write plain data as a JSON file, with null for numbers that are not finite."""
    text = json.dumps(_or_null(content), indent=2, allow_nan=False)
    replace(path, lambda file: file.write(text.encode()))


def write_report(
    model: Model,
    data: Data | None,
    metrics: Sequence[Metric],
    request: SampleRequest,
    settings: ReportSettings,
    draw: Draw | None = None,
) -> Report:
    """Draw samples, compute metrics, and write samples, `<stem>.json` and figures.

    Args:
        model: the model.
        data: the data to compare with; None to compare with none.
        metrics: the metrics.
        request: the samples.
        settings: further output, and folder and stem of the files.
        draw: draws the samples, but not their paths; `model.draw` if None.

    Raises:
        ValueError: if no sample is finite, before a file is written; or if data are needed and
            there are none.
    """
    output = NpzOutput() if settings.output is None else settings.output
    output.check(model.event_shape)
    drawn, found, results, lost = measure(model, data, metrics, request, draw, settings.kept)
    fix = "the sampler diverges: take more steps or another solver, or train anew"
    check(len(drawn.x) > 0, "samples", "some finite samples", f"{lost} that are not", fix)
    real = None if found.references is None else found.references.pairs[0][0]
    samples, folder, stem = drawn.x.cpu(), settings.folder, settings.stem
    cost: dict[str, Any] = {
        "n": len(samples) + lost,
        "compared": 0 if not results or real is None else min(len(samples), len(real)),
        "nfe": drawn.nfe,
        "seconds": drawn.seconds,
        "outside": lost,
        "notes": [*settings.notes, *found.notes, *_label_notes(model, drawn)],
    }
    if settings.likelihood is not None and data is not None:
        cost["log_prob"] = _held_out_log_prob(model, data, request, settings.likelihood)
    numbers, figure = (folder / f"{stem}.{kind}" for kind in ("json", "png"))
    table = partial(table_of, model, drawn, backward=model.is_backward(request))
    written = output.write(samples, drawn.label, folder, stem, table)
    write_numbers(numbers, cost | {"metrics": as_plain(results), "request": request.record()})
    shown = None if real is None else real[:_MAX_DRAWN]
    info = figure_info(model, data, request)
    save(plot_samples(samples[:_MAX_DRAWN], shown, found.name, info), figure)
    by_class = _write_classes(drawn, real, info, folder / f"{stem}_classes.png")
    paths = write_paths(model, data, request, settings)
    return Report(metrics=results, files=[*written, numbers, figure, *by_class, *paths], **cost)


def _label_notes(model: Model, drawn: Samples) -> list[str]:
    """Line with the names of the classes of samples, if they have some."""
    named = drawn.label is not None and model.labels is not None and model.labels.names
    return [model.labels.mapping()] if named and model.labels is not None else []


def _write_classes(
    drawn: Samples, reference: Tensor | None, info: FigureInfo, file: Path
) -> list[Path]:
    """Write a figure of images by class, if they have classes."""
    label = drawn.label
    if label is None or label.is_floating_point() or not is_image(tuple(drawn.x.shape[1:])):
        return []
    save(plot_classes(drawn.x, label, reference, info), file)
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
    held = held_rows(model, data, request)
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
