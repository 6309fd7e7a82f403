"""Checks of the arguments of a process."""

from __future__ import annotations

import functools
import inspect
from collections.abc import Callable

from interpolants.sampler.process.base import FieldProcess
from interpolants.utils.checks import check


def check_epsilon(process: Callable[..., FieldProcess], epsilon: object) -> None:
    """Require an epsilon for the processes that take one, and none for the others.

    Args:
        process: builds the process, as `process(fields=fields)`, with `epsilon` if it takes one.
        epsilon: the sampler's argument.

    Raises:
        ValueError: if it is missing, or one too many.
    """
    built = process.func if isinstance(process, functools.partial) else process
    name = getattr(built, "__name__", type(built).__name__)
    parameters = inspect.signature(process).parameters
    takes = "epsilon" in parameters or any(p.kind == p.VAR_KEYWORD for p in parameters.values())
    check(
        takes or epsilon is None,
        "Sampler.epsilon",
        f"None for {name}, which has no noise",
        epsilon,
        "use process=ForwardSDE (sampler=sde) for noise",
    )
    needs = "epsilon" in parameters and parameters["epsilon"].default is inspect.Parameter.empty
    check(
        not needs or epsilon is not None,
        "Sampler.epsilon",
        f"an Epsilon or a number > 0 for {name}",
        epsilon,
        "set epsilon=0.5 (sampler/epsilon=constant) for example",
    )
