"""Scores of rows: their log densities under a trained model, with errors."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, NamedTuple

import torch
from torch import Tensor

from interpolants.data.labels import Label
from interpolants.data.pixels import dequantised
from interpolants.data.row_file import RowFile, Rows
from interpolants.likelihood.base import LikelihoodFactory, LogProb
from interpolants.model.model import Model
from interpolants.model.request import SamplerFactory
from interpolants.sampler.sampler import Sampler
from interpolants.sampler.solver.base import PlannedSolver
from interpolants.utils.checks import check, check_count, check_seed
from interpolants.utils.describe import describe
from interpolants.utils.seeds import keyed_generator

# Keeps the noise of dequantisation independent of other draws.
_NOISE = 43

ERROR = (
    "square root of the sum of squares of the standard error over probes, paths or draws of noise,"
    " and of the change with half as many steps of the solver"
)
"""Definition of the error of a score."""


@dataclass(frozen=True, kw_only=True, eq=False)
class ScoreRequest:
    """Request for log densities of rows.

    Args:
        sampler: builds the sampler, whose solver and grid are used.
        likelihood: builds the estimate of log densities.
        num_steps: steps of the sampler, at least 2.
        seed: of probes, paths and noise.
        label: label of all rows, by name or number; that of each row in the file if None.
        unconditional: whether densities are those without a label.
        draws: draws of the noise in whole numbers, of which a score is the mean.
        dequantise: whether whole numbers get noise; if None, where `Rows.whole` is true.
        chunk_size: paths solved together; chosen by their size and the device if None.

    Raises:
        ValueError: if a number is out of range, or a label is given for an unconditional density.
    """

    sampler: SamplerFactory
    likelihood: LikelihoodFactory
    num_steps: int
    seed: int = 0
    label: Label | None = None
    unconditional: bool = False
    draws: int = 4
    dequantise: bool | None = None
    chunk_size: int | None = None

    def __post_init__(self) -> None:
        check_seed("seed", self.seed)
        check_count("draws", self.draws)
        check_count("num_steps", self.num_steps)
        fix = "the error compares with half as many"
        check(self.num_steps > 1, "num_steps", "at least 2", self.num_steps, fix)
        if self.chunk_size is not None:
            check_count("chunk_size", self.chunk_size)
        free = not (self.unconditional and self.label is not None)
        check(free, "unconditional", "false beside a label", True, "leave one out")

    def record(self) -> dict[str, Any]:
        """Convert the request to plain data for a JSON file."""
        return {name: describe(getattr(self, name)) for name in self.__dataclass_fields__}


class Scores(NamedTuple):
    """Scores of rows.

    Attributes:
        value: log densities in the units of the data, float64, (n,).
        error: of each, see `ERROR`; NaN where there is no estimate of it.
        notes: lines that a reader needs.
    """

    value: Tensor
    error: Tensor
    notes: Sequence[str]


def read_scored(model: Model, file: RowFile, request: ScoreRequest) -> Rows:
    """Read rows and their labels, after a check that the model has densities.

    Raises:
        ValueError: if it has none for the sampler and likelihood of the request, or the file
            cannot be read, or lacks labels that are needed.
    """
    name, dependent = type(model.fields.coupling).__name__, model.fields.coupling.data_dependent
    rule, fix = "a model whose base does not depend on the data", "train with another coupling"
    check(not dependent, "ckpt", rule, name, fix)
    request.likelihood(sampler=_sampler(model, request))
    given = request.unconditional or request.label is not None
    rows = file.read(model.event_shape, model.columns, model.labels, labelled=not given)
    fix = "say label=... for all rows, or unconditional=true"
    known = model.labels is None or given or rows.label is not None
    check(known, "data.path", "the labels that the model was trained with", "none", fix)
    return rows if request.label is None else rows._replace(label=request.label)


def score_rows(model: Model, rows: Rows, request: ScoreRequest) -> Scores:
    """Log density of each row under its label, as `Model.log_prob` gives it, with an error.

    Whole numbers get uniform noise, and the score is the mean over draws of it.

    Raises:
        ValueError: if a row lies outside the space of the data, or there is no such label.
    """
    whole, notes = rows.whole, list(rows.notes)
    if request.dequantise is not None:
        whole = torch.full_like(whole, request.dequantise)
    if model.fields.coupling.needs_pairs:
        name = type(model.fields.base).__name__
        notes.append(f"scores assume that x0 of the pairs is distributed as {name} is")
    draws = request.draws if bool(whole.any()) else 1
    if bool(whole.any()):
        some = f"{int(whole.sum())} of {whole.numel()} coordinates are whole numbers"
        notes.append(f"{some}: scores are means over {draws} draws of noise in (-1/2, 1/2)")
    x = [_noisy(rows, whole, request.seed, k) for k in range(draws)]
    found = [_log_prob(model, part, rows.label, request, k) for k, part in enumerate(x)]
    values = torch.stack([part.value.double() for part in found])
    variance = _variance(values, found[0])
    if _has_steps(_sampler(model, request)):
        half = _log_prob(model, x[0], rows.label, request, 0, num_steps=request.num_steps // 2)
        change = half.value.double() - values[0]
        variance = variance.nan_to_num(nan=0.0) + change.square()
    else:
        notes.append("errors do not include that of the solver's steps")
    return Scores(values.mean(dim=0).cpu(), variance.sqrt().cpu(), notes)


def _sampler(model: Model, request: ScoreRequest) -> Sampler:
    return model.make_sampler(request.sampler, num_steps=request.num_steps)


def _has_steps(sampler: Sampler) -> bool:
    """True if a solve with half as many steps differs by the error of the steps alone."""
    return sampler.process.noise_type == "none" and isinstance(sampler.solver, PlannedSolver)


def _noisy(rows: Rows, whole: Tensor, seed: int, draw: int) -> Tensor:
    """Rows with noise in whole numbers, which depends on the number of a row in the file."""
    if not bool(whole.any()):
        return rows.x
    places = torch.from_numpy(rows.places)
    file = rows.x.new_zeros(int(places[-1]) + 1, *rows.x.shape[1:])
    file[places] = rows.x
    noisy = dequantised(file, keyed_generator(_NOISE, seed, draw))[places]
    return torch.where(whole, noisy, rows.x)


def _log_prob(
    model: Model,
    x: Tensor,
    label: Label | None,
    request: ScoreRequest,
    draw: int,
    num_steps: int | None = None,
) -> LogProb:
    return model.log_prob(
        x,
        seed=request.seed + draw,
        label=label,
        likelihood=request.likelihood,
        sampler=request.sampler,
        chunk_size=request.chunk_size,
        num_steps=num_steps or request.num_steps,
    )


def _variance(values: Tensor, first: LogProb) -> Tensor:
    """Squared standard error of each mean over draws; NaN of a single value without one."""
    if len(values) > 1:
        return values.var(dim=0) / len(values)
    if first.standard_error is None:
        return torch.full_like(values[0], math.nan)
    return first.standard_error.double().square()
