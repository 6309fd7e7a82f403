"""Files about the rows of a file: their scores, and their partners in another data set."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from functools import partial
from pathlib import Path
from typing import NamedTuple

import numpy as np

from interpolants.data.row_file import RowFile
from interpolants.model.model import Model
from interpolants.model.request import SampleRequest
from interpolants.model.scores import ERROR, ScoreRequest, read_scored, score_rows
from interpolants.model.table import table_of
from interpolants.report.output.base import Table, table_output
from interpolants.report.output.csv import CsvOutput
from interpolants.report.report import write_numbers
from interpolants.report.settings import ReportSettings
from interpolants.utils.checks import check

# Scores that are printed, lowest first.
_SHOWN = 10


class RowReport(NamedTuple):
    """Result on the rows of a file.

    Attributes:
        text: lines to print.
        value: mean of the scores; number of the partners.
        files: files written.
    """

    text: str
    value: float
    files: Sequence[Path]


def write_scores(
    model: Model, file: RowFile, request: ScoreRequest, settings: ReportSettings
) -> RowReport:
    """Write the log densities of rows, outliers first, and `<stem>.json` with how they were found.

    The table has the columns rank (1 for the lowest score), row (its number in the file, counted
    from 0), log_prob and error.

    Args:
        model: the model.
        file: the rows.
        request: how scores are computed.
        settings: format of the table, and folder and stem of the files.

    Raises:
        ValueError: if the model has no log densities, or the file no rows of it.
    """
    output = table_output(settings.output)
    rows = read_scored(model, file, request)
    scores = score_rows(model, rows, request)
    value = scores.value.numpy()
    # Not a number is the strangest of all.
    order = np.argsort(np.nan_to_num(value, nan=-np.inf), kind="stable")
    columns = {"row": rows.places, "log_prob": value, "error": scores.error.numpy()}
    table = {"rank": np.arange(1, len(order) + 1)}
    table |= {name: column[order] for name, column in columns.items()}
    mean, notes = float(value.mean()), [*settings.notes, *scores.notes]
    summary = {"n": len(value), "mean": mean, "error": ERROR, "notes": notes, "file": file.path}
    files = [*output.write_table(table, settings.folder, settings.stem), _record_of(settings)]
    write_numbers(files[-1], summary | {"request": request.record()})
    text = f"{len(value)} rows, mean log density {mean:.5g}; the lowest:"
    return RowReport("\n".join([*notes, text, _shown(table), *map(str, files)]), mean, files)


def write_translation(
    model: Model, file: RowFile, request: SampleRequest, settings: ReportSettings
) -> RowReport:
    """Write the partner of each row, and `<stem>.json` with how they were found.

    Partner k is `Model.sample(n, start=rows)` of row k: a sample of the data for a row of the
    base's data, or the other way round for a backward process.

    Args:
        model: a model whose base is a data set.
        file: rows of the side that the process starts from.
        request: sampler, seed and labels; its number and initial states are those of the file.
        settings: format of the partners, and folder and stem of the files.

    Raises:
        ValueError: if the base is no data set, the file has no rows of it, or the partner of a row
            is not finite.
    """
    base, backward = model.fields.base, model.is_backward(request)
    rule, fix = "a model whose base is a data set", "train with base=dataset"
    check(bool(base.fingerprint()), "ckpt", rule, type(base).__name__, fix)
    output = CsvOutput() if settings.output is None else settings.output
    output.check(model.event_shape)
    columns, labelled = model.columns if backward else base.columns, request.label is None
    rows = file.read(model.event_shape, columns, model.labels, labelled=labelled)
    n, label = len(rows.x), rows.label if request.label is None else request.label
    drawn = model.draw(replace(request, n=n, start=rows.x, label=label))
    lost = (~drawn.x.flatten(1).isfinite().all(dim=1)).nonzero().flatten().tolist()
    fix = "take more steps or another solver, or leave these rows out"
    check(not lost, "data.path", "rows with finite partners", f"rows {lost[:5]} without", fix)
    table = partial(table_of, model, drawn, backward=backward)
    x, notes = drawn.x.cpu(), [*settings.notes, *rows.notes]
    # None if partner k is that of row k of the file.
    places = rows.places.tolist() if rows.places[-1] + 1 > n else None
    files = [*output.write(x, drawn.label, settings.folder, settings.stem, table)]
    files.append(_record_of(settings))
    cost = {"n": n, "nfe": drawn.nfe, "seconds": drawn.seconds, "notes": notes, "file": file.path}
    write_numbers(files[-1], cost | {"rows": places, "request": request.record()})
    text = f"partners of {n} rows, NFE {drawn.nfe}, {drawn.seconds:.2f} s"
    return RowReport("\n".join([*notes, text, *map(str, files)]), float(n), files)


def _record_of(settings: ReportSettings) -> Path:
    return settings.folder / f"{settings.stem}.json"


def _shown(table: Table) -> str:
    """The first rows of the scores as aligned text."""
    head = f"{'rank':>6}{'row':>10}{'log_prob':>14}{'error':>12}"
    columns = (column[:_SHOWN].tolist() for column in table.values())
    lines = [f"{k:>6}{row:>10}{v:>14.6g}{e:>12.2g}" for k, row, v, e in zip(*columns, strict=True)]
    return "\n".join([head, *lines])
