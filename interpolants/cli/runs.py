"""Compare runs: `interpolants runs [folder] [sort=METRIC] [csv=FILE] [html=FILE]`."""

from __future__ import annotations

import math
from collections.abc import Sequence
from pathlib import Path

from interpolants.cli.errors import unknown
from interpolants.report.run_table import as_csv, metric_names, seed_table, table
from interpolants.report.runs import RunSummary, read_runs
from interpolants.utils.checks import check
from interpolants.utils.files import replace

HELP = """Compare runs: what differs, metrics with their spreads, steps and time.

interpolants runs [folder] [key=value] ...

  folder        any folder of runs, such as outputs/sweeps/<time>; outputs if left out
  sort=METRIC   order by a metric, the best first; by name if left out
  csv=FILE      write the table with all numbers
  html=FILE     write a page with tables, curves and figures, which needs no other file
"""

_KEYS = ("sort", "csv", "html")


def main(words: Sequence[str]) -> None:
    """Print a table of runs, and write the files that are asked for.

    Args:
        words: of the command line, after the command.

    Raises:
        ValueError: if a word is no setting, or there are no runs.
    """
    if {"-h", "--help"} & set(words):
        print(HELP, end="")
        return
    folder, chosen = _parsed(words)
    runs = sorted_runs(read_runs(folder), chosen.get("sort"))
    print(text_of(runs))
    if "csv" in chosen:
        replace(chosen["csv"], lambda file: file.write(as_csv(runs).encode()))
        print(chosen["csv"])
    if "html" in chosen:
        from interpolants.report.run_page import page  # loads matplotlib and torch

        content = page(runs, f"Runs below {folder}").encode()
        replace(chosen["html"], lambda file: file.write(content))
        print(chosen["html"])


def text_of(runs: Sequence[RunSummary]) -> str:
    """Table of runs, and that of means over seeds if there are several of any."""
    over_seeds = seed_table(runs)
    parts = [table(runs).text()]
    if over_seeds is not None:
        parts += ["", "means over seeds, with standard deviations", over_seeds.text()]
    return "\n".join(parts)


def sorted_runs(runs: Sequence[RunSummary], metric: str | None) -> list[RunSummary]:
    """Runs in the order of a metric, those without it last; as they are if it is None.

    Raises:
        ValueError: if no run has the metric.
    """
    if metric is None:
        return list(runs)
    names = metric_names(runs)
    check(metric in names, "sort", f"one of {', '.join(names) or 'no metrics'}", metric)

    def key(run: RunSummary) -> float:
        value = run.metrics[metric].value if metric in run.metrics else math.nan
        return math.inf if math.isnan(value) else value

    return sorted(runs, key=key)


def _parsed(words: Sequence[str]) -> tuple[Path, dict[str, str]]:
    """The folder, and the settings by name."""
    folders, chosen = [], {}
    for word in words:
        key, equals, value = word.partition("=")
        if not equals:
            check(not word.startswith("-"), word, "a folder or key=value", word, "see --help")
            folders.append(Path(word))
            continue
        if key not in _KEYS:
            raise ValueError(unknown(key, _KEYS))
        check(bool(value), key, "a value", "none")
        chosen[key] = value
    check(len(folders) <= 1, "runs", "one folder", [str(folder) for folder in folders])
    folder = folders[0] if folders else Path("outputs")
    check(folder.is_dir(), "runs", "an existing folder", str(folder))
    return folder, chosen
