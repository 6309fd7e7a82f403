"""The console script `interpolants`."""

from __future__ import annotations

import importlib
import sys
from collections.abc import Sequence

from interpolants.cli.conf import conf_folder
from interpolants.cli.errors import report
from interpolants.cli.run import one_line_warnings, run

_COMMANDS = {
    "train": "train a model",
    "sample": "draw samples of a trained model",
    "score": "log densities of rows of a file, outliers first",
    "translate": "partners of rows of a file, by a model between two data sets",
}
_TOOLS = {"runs": "compare the runs below a folder"}


def main() -> None:
    """Run the command that the first argument names."""
    command, arguments = sys.argv[1] if len(sys.argv) > 1 else None, sys.argv[2:]
    if command in ("-h", "--help"):
        print(_help())
    elif command in _COMMANDS:
        start(command, arguments)
    elif command in _TOOLS:
        start_tool(command, arguments)
    else:
        expected = f"one of {', '.join([*_COMMANDS, *_TOOLS])}"
        got = "nothing" if command is None else repr(command)
        fix = "list their settings with interpolants train --help"
        print(f"error: interpolants: expected {expected}, got {got}; {fix}", file=sys.stderr)
        sys.exit(1)


def start(command: str, arguments: Sequence[str] | None = None) -> None:
    """Run a command with a configuration, such as `train` or `sample`.

    Args:
        command: its name.
        arguments: overrides and options; those of the command line if None.
    """
    job = importlib.import_module(f"interpolants.cli.{command}").main
    run(job, command, conf_folder(), arguments)


def start_tool(command: str, arguments: Sequence[str]) -> None:
    """Run a command without a configuration; a failure is one sentence, and status 1.

    Args:
        command: its name.
        arguments: the words after it.
    """
    one_line_warnings()
    try:
        importlib.import_module(f"interpolants.cli.{command}").main(arguments)
    except (ValueError, OSError) as error:
        report(error, with_traceback=False)
        sys.exit(1)


def _help() -> str:
    words = {f"{name} [key=value] ...": text for name, text in _COMMANDS.items()}
    words |= {f"{name} [folder] [key=value] ...": text for name, text in _TOOLS.items()}
    lines = [
        f"  interpolants {name:{max(map(len, words))}}  {text}" for name, text in words.items()
    ]
    fix = "`interpolants train --help`, and so on, list the settings of each."
    return "\n".join(["Generative modelling with stochastic interpolants.", "", *lines, "", fix])
