"""Tables of runs, as text and as CSV."""

from __future__ import annotations

import csv
import io
import math
from collections.abc import Iterable, Sequence
from statistics import fmean, stdev
from typing import Any, NamedTuple

from interpolants.report.runs import Measurement, RunSummary, differences

_SEED = "seed"


class RunTable(NamedTuple):
    """Rows of text under a head.

    Attributes:
        head: names of the columns.
        rows: as many cells each.
    """

    head: Sequence[str]
    rows: Sequence[Sequence[str]]

    def text(self) -> str:
        """Format as aligned columns."""
        widths = [max(map(len, column)) for column in zip(self.head, *self.rows, strict=True)]
        lines = (
            "  ".join(cell.ljust(width) for cell, width in zip(row, widths, strict=True)).rstrip()
            for row in (self.head, *self.rows)
        )
        return "\n".join(lines)


def table(runs: Sequence[RunSummary]) -> RunTable:
    """Table of runs: what differs, metrics with spreads, steps and time.

    The last row has the floors, if all runs share them.
    """
    keys, metrics = differences(runs), metric_names(runs)
    rows = [
        [
            run.name,
            *(setting(run.settings.get(key)) for key in keys),
            *(spread(run.metrics.get(name)) for name in metrics),
            steps(run),
            duration(run.seconds),
        ]
        for run in runs
    ]
    floors = [_shared_floor(runs, name) for name in metrics]
    if any(floors):
        rows.append(["floor", *([""] * len(keys)), *floors, "", ""])
    return RunTable(["run", *keys, *metrics, "steps", "time"], rows)


def seed_table(runs: Sequence[RunSummary]) -> RunTable | None:
    """Means over seeds with standard deviations; None if no two runs differ by seed alone."""
    keys = [key for key in differences(runs) if key != _SEED]
    groups: dict[tuple[str, ...], list[RunSummary]] = {}
    for run in runs:
        chosen = tuple(setting(run.settings.get(key)) for key in keys)
        groups.setdefault(chosen, []).append(run)
    if len(groups) == len(runs):
        return None
    names = metric_names(runs)
    rows = [
        [*chosen, str(len(group)), *(_over_seeds(group, name) for name in names)]
        for chosen, group in groups.items()
    ]
    return RunTable([*keys, "seeds", *names], rows)


def as_csv(runs: Sequence[RunSummary]) -> str:
    """Table with all numbers, for other programs."""
    keys, metrics = differences(runs), metric_names(runs)
    columns = [f"{name}{end}" for name in metrics for end in ("", "_sd", "_floor", "_floor_sd")]
    out = io.StringIO(newline="")
    writer = csv.writer(out, lineterminator="\n")
    writer.writerow(["run", *keys, *columns, "step", "max_steps", "seconds", "finished"])
    for run in runs:
        numbers = [part for name in metrics for part in run.metrics.get(name, _NONE)]
        cells = [*numbers, run.step, run.max_steps, run.seconds, run.finished]
        known = ["" if isinstance(c, float) and math.isnan(c) else c for c in cells]
        writer.writerow([run.name, *(setting(run.settings.get(key)) for key in keys), *known])
    return out.getvalue()


def metric_names(runs: Iterable[RunSummary]) -> list[str]:
    """Names of the metrics of any run."""
    return list(dict.fromkeys(name for run in runs for name in run.metrics))


def setting(value: Any) -> str:
    """A setting as it is typed."""
    if value is None:
        return "null"
    if isinstance(value, bool):
        return str(value).lower()
    if isinstance(value, (list, tuple)):
        return f"[{','.join(map(setting, value))}]"
    return str(value)


def spread(found: Measurement | None) -> str:
    """Value and spread of a metric."""
    if found is None:
        return "-"
    return f"{found.value:.4g}" + ("" if math.isnan(found.sd) else f" +- {found.sd:.2g}")


def steps(run: RunSummary) -> str:
    """Steps taken, and those asked for if the run is not finished."""
    return str(run.step) if run.finished else f"{run.step} of {run.max_steps}"


def duration(seconds: float) -> str:
    """Seconds in words, such as 3 min 5 s."""
    if math.isnan(seconds):
        return "-"
    whole = round(seconds)
    hours, minutes = divmod(whole // 60, 60)
    if hours:
        return f"{hours} h {minutes} min"
    return f"{minutes} min {whole % 60} s" if minutes else f"{seconds:.3g} s"


_NONE = Measurement(math.nan)


def _shared_floor(runs: Sequence[RunSummary], name: str) -> str:
    found = {run.metrics[name][2:] for run in runs if name in run.metrics}
    if len(found) != 1:
        return ""
    floor, sd = found.pop()
    return "" if math.isnan(floor) else spread(Measurement(floor, sd))


def _over_seeds(group: Sequence[RunSummary], name: str) -> str:
    values = [run.metrics[name].value for run in group if name in run.metrics]
    if not values:
        return "-"
    return f"{fmean(values):.4g}" + (f" +- {stdev(values):.2g}" if len(values) > 1 else "")
