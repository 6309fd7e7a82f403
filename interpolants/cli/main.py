"""The console script `interpolants`."""

from __future__ import annotations

import importlib
import sys
from collections.abc import Sequence

from interpolants.cli.conf import conf_folder
from interpolants.cli.run import run

_COMMANDS = {"train": "train a model", "sample": "draw samples of a trained model"}


def main() -> None:
    """Run the command that the first argument names."""
    command, arguments = sys.argv[1] if len(sys.argv) > 1 else None, sys.argv[2:]
    if command in ("-h", "--help"):
        print(_help())
    elif command in _COMMANDS:
        start(command, arguments)
    else:
        expected = " or ".join(_COMMANDS)
        got = "nothing" if command is None else repr(command)
        fix = "list their settings with interpolants train --help"
        print(f"error: interpolants: expected {expected}, got {got}; {fix}", file=sys.stderr)
        sys.exit(1)


def start(command: str, arguments: Sequence[str] | None = None) -> None:
    """Run `train` or `sample`.

    Args:
        command: which of the two.
        arguments: overrides and options; those of the command line if None.
    """
    job = importlib.import_module(f"interpolants.cli.{command}").main
    run(job, command, conf_folder(), arguments)


def _help() -> str:
    lines = [f"  interpolants {name} [key=value] ...  {text}" for name, text in _COMMANDS.items()]
    fix = "`interpolants train --help` and `interpolants sample --help` list the settings."
    return "\n".join(["Generative modelling with stochastic interpolants.", "", *lines, "", fix])
