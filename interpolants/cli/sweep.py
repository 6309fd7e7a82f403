"""Sweeps: names of their jobs, and the comparison at the end."""

from __future__ import annotations

import warnings
from collections.abc import Sequence
from pathlib import Path
from typing import Any, final

from hydra.core.override_parser.overrides_parser import OverridesParser
from hydra.experimental.callback import Callback

# What a search, such as Optuna's, found.
_RESULTS = "optimization_results.yaml"


@final
class CompareRuns(Callback):
    """Callback that prints the table of a sweep's runs, and what a search found, at the end."""

    def on_multirun_end(self, config: Any, **_: Any) -> None:
        """Compare the runs below the sweep's folder, if there are several."""
        from interpolants.cli.runs import text_of
        from interpolants.report.runs import read_runs

        folder = Path(config.hydra.sweep.dir)
        try:
            runs = read_runs(folder)
        except ValueError as error:  # every job failed, and has said why
            warnings.warn(str(error), stacklevel=1)
            return
        if len(runs) > 1:
            print(f"\n{folder}\n{text_of(runs)}")
        best = folder / _RESULTS
        if best.is_file():
            print(f"\n{best}\n{best.read_text()}", end="")


def constant_keys(words: Sequence[str]) -> list[str]:
    """Keys of a command line, as Hydra has them, with one value for all jobs of a sweep."""
    overrides = OverridesParser.create().parse_overrides(list(words))
    return [o.get_key_element() for o in overrides if not o.is_sweep_override()]


def with_short_names(words: Sequence[str]) -> list[str]:
    """Words of a command line, and one by which the jobs of a sweep are named by what differs."""
    if not {"-m", "--multirun"} & set(words):
        return list(words)
    keys = constant_keys([word for word in words if not word.startswith("-")])
    quoted = ",".join(f"'{key}'" for key in keys)
    return [*words, f"hydra.job.config.override_dirname.exclude_keys=[{quoted}]"]
