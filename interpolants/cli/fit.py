"""The command `train` as a function of data in memory, for notebooks."""

from __future__ import annotations

import random
import re
from collections.abc import Iterator, Mapping, Sequence, Set
from contextlib import AbstractContextManager, contextmanager, nullcontext
from functools import partial
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

from interpolants.cli.composed import check_composed
from interpolants.cli.composing import checked, compose, recorded
from interpolants.cli.conf import conf_folder, user_folders
from interpolants.cli.errors import sentence
from interpolants.cli.overrides import key_of
from interpolants.cli.spec_of import spec_of
from interpolants.cli.words import check_words
from interpolants.utils.checks import check, check_count

# Rows are passed, so that the record names no file that could be read again.
_DATA = {"_target_": "interpolants.data.finite.FiniteData"}
_VALIDATIONS = 10
# Groups that a part takes from elsewhere, unless it is an object.
_OWNED = {"objective": ("weight",)}


def fit(
    x: Any,
    *words: str,
    label: Any = None,
    interpolant: Any = None,
    objective: Any = None,
    net: Any = None,
    max_steps: int | None = None,
    batch_size: int | None = None,
    lr: float | None = None,
    seed: int = 0,
    run_dir: str | Path | None = None,
) -> Any:
    """Train a model on data in memory, as `interpolants train` does on files.

    The defaults are those of the command, but that there are ten validations, no metrics, no final
    report, and batches of at most as many rows as there are. A tenth of the rows' labels, if there
    are any, is dropped, so that samples may be guided. Random states of the process and the number
    of threads are left as they were.

    Args:
        x: rows (N, *event), a tensor or an array, which are standardised; a map-style data set of
            PyTorch, whose items are x, (x, label) or a dict of them; or `Data`.
        words: further settings, as on the command line: "net.hidden=256", "sampler=sde", ...
        label: a class 0, 1, ..., or its name, (N,), or a vector, (N, C), for each row. With
            `Data`, say "label_dropout=0.1" to use its labels.
        interpolant, objective, net: name of an option, such as "one_sided_linear"; or an object,
            of a network its class or a partial of it.
        max_steps, batch_size, lr: optimiser steps, rows in each, and learning rate.
        seed: seed of the weights, batches and noise.
        run_dir: folder of the run, with its checkpoints and curves, from which
            `fit(..., "resume=auto")` continues. If None, they go to a temporary folder that is
            deleted in the end, and only the model is left.

    Returns:
        The model with averaged weights, as `interpolants.load` returns it.

    Raises:
        ValueError: for data or settings that do not fit, before training.
        NonFiniteLossError: if the loss diverges.
    """
    from interpolants.data.in_memory import in_memory

    data = in_memory("fit", x, label)
    parts = {"interpolant": interpolant, "objective": objective, "net": net}
    numbers = {"max_steps": max_steps, "batch_size": batch_size, "optimizer.lr": lr, "seed": seed}
    given = {key: value for key, value in (parts | numbers).items() if value is not None}
    twice = sorted(given.keys() & set(map(key_of, words)))
    check(not twice, "fit", "each setting once", twice, "leave out the word or the keyword")
    objects = {key: part for key, part in parts.items() if not isinstance(part, str | None)}
    whole = {key: name for name in objects for key in (name, *_OWNED.get(name, ()))}
    for word in words:
        name = whole.get(re.split(r"[./@]", key_of(word))[0])
        fix = "set it in the object, or name an option"
        check(name is None, f"fit.{name}", "no word about a part that is an object", word, fix)
    own = [f"{key}={value}" for key, value in given.items() if key not in objects]
    if data is not x and data.labels() is not None:
        own.append("label_dropout=0.1")
    with _folder(run_dir) as folder, _same_process():
        model = _train([*own, *words], objects, data, Path(folder))
    if run_dir is None:
        model.config |= {"run_dir": None, "run_id": None}
    return model


def _train(words: Sequence[str], objects: Mapping[str, Any], data: Any, folder: Path) -> Any:
    """Compose the configuration, train, and return the model."""
    from hydra.utils import instantiate

    from interpolants.checkpoint.loading import load
    from interpolants.cli.targets import allowed_targets
    from interpolants.training.run import run_training

    folders = [conf_folder(), *user_folders(conf_folder(), [])]
    check_words("train", folders, words)
    with recorded(_composed(["metric=[]", *words], folders)) as cfg:
        cfg.data, cfg.run_dir = _DATA, str(folder)
        for key, part in objects.items():
            cfg[key] = spec_of(f"fit.{key}", part)
        check_composed(cfg, "train", folders)
        _set_defaults(cfg, set(map(key_of, words)), data)
        plain = checked(cfg, "train", folders)
        build = partial(instantiate, _convert_="all")
        with allowed_targets(cfg):
            model = run_training(cfg, plain, build, folder, _model, data=data)
    return load(folder) if model is None else model


def _composed(words: Sequence[str], folders: Sequence[Path]) -> Any:
    from hydra.errors import HydraException

    try:
        return compose("train", words, folders)
    except HydraException as error:
        raise ValueError(sentence(error)) from None


def _set_defaults(cfg: Any, chosen: Set[str], data: Any) -> None:
    """Set what differs from the command, unless it was chosen."""
    import torch

    from interpolants.data.split_data import SplitData

    rows = data.num_train if isinstance(data, SplitData) else cfg.batch_size
    for key in ("max_steps", "steps_per_batch"):
        check_count(key, cfg[key])
    batch = cfg.steps_per_batch
    every = batch * max(1, round(cfg.max_steps / _VALIDATIONS / batch))
    values = {
        "name": "fit",
        "threads": torch.get_num_threads(),
        "batch_size": min(cfg.batch_size, rows),
        "validate_every": every,
        "sample_every": every * (cfg.max_steps // every + 1),
    }
    for key in values.keys() - chosen:
        cfg[key] = values[key]


def _model(outcome: Any, loggers: Sequence[Any]) -> Any:
    """The trained model, after a line on what it reached."""
    import csv

    from interpolants.utils.log import to_stderr

    table = loggers[0]  # metrics.csv, which every run has
    table.save()
    with open(table.path, newline="") as file:
        losses = [float(row["val/loss"]) for row in csv.DictReader(file) if row.get("val/loss")]
    reached = f", validation loss {losses[0]:.4g}, then {losses[-1]:.4g}" if losses else ""
    to_stderr(f"fit: {outcome.step} steps{reached}")
    return outcome.model


def _folder(run_dir: str | Path | None) -> AbstractContextManager[Any]:
    """The folder of the run; a temporary one if there is no other."""
    if run_dir is None:
        return TemporaryDirectory(prefix="interpolants-")
    return nullcontext(run_dir)


@contextmanager
def _same_process() -> Iterator[None]:
    """Context after which random states are as they were before, and threads too."""
    import numpy as np
    import torch

    python, numpy, threads = random.getstate(), np.random.get_state(), torch.get_num_threads()
    try:
        with torch.random.fork_rng():
            yield
    finally:
        random.setstate(python)
        np.random.set_state(numpy)
        torch.set_num_threads(threads)
