"""Limits on the memory that constructors may take."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterable, Mapping
from typing import Any, final

import torch
from torch.overrides import TorchFunctionMode

_OF_SIZE = (torch.empty, torch.zeros, torch.ones, torch.rand, torch.randn, torch.full)
_OF_LENGTH = (torch.arange, torch.linspace, torch.logspace, torch.randperm, torch.eye)


@final
class TensorLimit(TorchFunctionMode):
    """Context in which new tensors have at most so many elements together.

    What is over the limit is refused before its memory is taken. Results of operations on tensors
    are not counted.

    Args:
        elements: of all new tensors together.
        count: number of new tensors.
    """

    def __init__(self, elements: int, count: int) -> None:
        super().__init__()
        self.elements, self.count = elements, count

    def __torch_function__(
        self,
        func: Callable[..., Any],
        types: Iterable[type],
        args: tuple[Any, ...] = (),
        kwargs: Mapping[str, Any] | None = None,
    ) -> Any:
        kwargs = {} if kwargs is None else kwargs
        size = _elements(func, args, kwargs)
        if size is not None:
            self.elements, self.count = self.elements - size, self.count - 1
            if self.elements < 0 or self.count < 0:
                raise RuntimeError("larger tensors, or more of them")
        return func(*args, **kwargs)


def _elements(func: Any, args: tuple[Any, ...], kwargs: Mapping[str, Any]) -> int | None:
    """Number of elements that a function makes; None if it makes no new tensor."""
    if func in _OF_SIZE:
        given = kwargs.get("size", args)
        given = given[0] if given and isinstance(given[0], (tuple, list)) else given
        return math.prod(n for n in given if isinstance(n, int))
    if func in _OF_LENGTH:
        return max((abs(int(n)) for n in (*args, *kwargs.values()) if type(n) is int), default=1)
    return None
