"""Runs scripts of a checkout, each in a fork of a process that has imported the heavy packages.

Started by `benchmarks.same_numbers` with the checkout as its folder and first on PYTHONPATH; it
imports nothing of the checkout itself. Figures, which take longest and are not compared, are
left empty. Each line of its input is an order, a list in JSON of the home folder, the file that
takes all output, and the script with its overrides; each is answered by a line with the script's
exit status. The first line that it writes says where `interpolants` comes from.
"""

from __future__ import annotations

import gc
import importlib
import importlib.util
import json
import os
import runpy
import sys
from pathlib import Path

HEAVY = ("hydra", "lightning.pytorch", "matplotlib.pyplot", "scipy", "sklearn.datasets", "torch")


def main() -> None:
    spec = importlib.util.find_spec("interpolants")
    print(spec and spec.origin, flush=True)
    for name in HEAVY:
        importlib.import_module(name)
    gc.freeze()
    importlib.import_module("matplotlib.figure").Figure.savefig = leave_empty
    agg = importlib.import_module("matplotlib.backends.backend_agg")
    agg.FigureCanvasAgg.print_png = leave_empty
    for line in sys.stdin:
        home, log, argv = json.loads(line)
        child = os.fork()
        if child == 0:
            return run(home, log, argv)
        _, status = os.waitpid(child, 0)
        print(os.waitstatus_to_exitcode(status), flush=True)


def leave_empty(figure: object, file: object, **settings: object) -> None:
    """Instead of writing a figure: a file without a picture."""
    if isinstance(file, str | os.PathLike):
        Path(file).touch()


def run(home: str, log: str, argv: list[str]) -> None:
    """Run a script in this process, and exit as it does."""
    output = os.open(log, os.O_WRONLY | os.O_CREAT | os.O_APPEND)
    for number, file in enumerate((os.open(os.devnull, os.O_RDONLY), output, output)):
        os.dup2(file, number)
    os.environ["HOME"] = home
    sys.argv = argv
    runpy.run_path(argv[0], run_name="__main__")
    for stream in (sys.stdout, sys.stderr):
        stream.flush()
    os._exit(0)  # tearing down the imported packages takes longer than many scripts


if __name__ == "__main__":
    main()
