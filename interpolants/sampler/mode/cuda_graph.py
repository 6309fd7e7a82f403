"""Blocks captured into CUDA graphs."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, NamedTuple, final

import torch
from torch import Tensor

from interpolants.sampler.mode.base import Mode
from interpolants.utils.checks import check_count

Advance = Callable[..., tuple[Tensor, ...]]

_WARMUP = 3


class _Captured(NamedTuple):
    graph: torch.cuda.CUDAGraph
    inputs: list[Tensor]
    outputs: tuple[Tensor, ...]
    # Kept alive: the graph reads its memory.
    equation: Any


@final
class CudaGraph(Mode):
    """Captures `block` steps once for each shape of the state, and replays them.

    Tables and normals are inputs of the graph, so one capture serves every block of a plan.
    Shorter remainders run eagerly, as everything does on a CPU and where gradients are on.

    Args:
        block: steps to a captured block, > 0.
    """

    def __init__(self, *, block: int = 8) -> None:
        check_count("CudaGraph.block", block)
        self.block: int = block
        self._captured: dict[tuple[Any, ...], _Captured] = {}

    def __call__(self, advance: Advance, *block: Any) -> tuple[Tensor, ...]:
        equation, step, (coefficients, numbers), normals, carry = block
        tensors = [coefficients, numbers, *([] if normals is None else [normals]), *carry]
        if not coefficients.is_cuda or len(coefficients) < self.block or torch.is_grad_enabled():
            return advance(*block)
        key = (id(equation), step, *((t.shape, t.dtype, t.device) for t in tensors))
        if key not in self._captured:
            self._captured[key] = _capture(advance, block, tensors)
        captured = self._captured[key]
        for own, given in zip(captured.inputs, tensors, strict=True):
            own.copy_(given)
        captured.graph.replay()
        return tuple(t.clone() for t in captured.outputs)


def _capture(advance: Advance, block: tuple[Any, ...], tensors: list[Tensor]) -> _Captured:
    equation, step, _, normals, _ = block
    inputs = [t.clone() for t in tensors]
    coefficients, numbers, *rest = inputs
    own_normals, carry = (None, rest) if normals is None else (rest[0], rest[1:])

    def run() -> tuple[Tensor, ...]:
        return advance(equation, step, (coefficients, numbers), own_normals, tuple(carry))

    stream = torch.cuda.Stream()  # type: ignore[no-untyped-call]
    stream.wait_stream(torch.cuda.current_stream())
    with torch.cuda.stream(stream):
        for _ in range(_WARMUP):
            run()
    torch.cuda.current_stream().wait_stream(stream)
    graph = torch.cuda.CUDAGraph()
    with torch.cuda.graph(graph):
        outputs = run()
    return _Captured(graph, inputs, outputs, equation)
