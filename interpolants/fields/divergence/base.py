"""Divergences of fields by vector-Jacobian products."""

from __future__ import annotations

import abc
from collections.abc import Callable
from typing import Any, ClassVar

import torch
from torch import Tensor

from interpolants.net.second_derivatives import plain_attention

FieldOf = Callable[[Tensor], tuple[Tensor, ...]]
"""Function of states (B, D) that returns the field, (B, D), and further values."""

Linearised = tuple[tuple[Tensor, ...], Callable[[Tensor], Tensor]]
"""Values f(x), and the function from v to v^T (df/dx), both (m, B, D)."""


class Divergence(abc.ABC):
    """Divergence div f(x) = sum_i d f_i / d x_i, exact or as estimates v^T (df/dx) v.

    Attributes:
        random: whether the estimates depend on probes.
    """

    random: ClassVar[bool] = False

    @property
    @abc.abstractmethod
    def columns(self) -> int:
        """Number of estimates of each sample's divergence."""

    def draw(self, n: int, dim: int, generator: torch.Generator | None, like: Tensor) -> Tensor:
        """Probes for `n` samples of `dim` elements, (n, columns, dim), on like's device."""
        return torch.empty(n, self.columns, 0, dtype=torch.int8, device=like.device)

    @abc.abstractmethod
    def __call__(self, f: FieldOf, x: Tensor, probes: Tensor) -> tuple[tuple[Tensor, ...], Tensor]:
        """Evaluate f(x) once, with the divergence of its first value.

        Args:
            f: the field; a sample's value depends only on its own state.
            x: states, (B, D).
            probes: probes of these samples, (B, columns, D), if the divergence is random.

        Returns:
            The values of `f`, and estimates, (B, columns); differentiable if gradients are on.
        """


def quadratic_forms(
    f: FieldOf, x: Tensor, directions: Tensor, chunk_size: int
) -> tuple[tuple[Tensor, ...], Tensor]:
    """Evaluate f(x), and v^T (df/dx) v for each direction v by vector-Jacobian products.

    Args:
        f: as in `Divergence`.
        x: states, (B, D).
        directions: (m, D), shared by the samples, or (m, B, D).
        chunk_size: products taken at once, which bounds memory.

    Returns:
        The values of `f`, and the quadratic forms, (m, B).
    """
    linearise = _functional if torch.compiler.is_compiling() else _recorded
    values, pull = linearise(f, x)
    forms = []
    for first in range(0, len(directions), chunk_size):
        v = directions[first : first + chunk_size]
        v = v if v.dim() == 3 else v.unsqueeze(1).expand(-1, *x.shape)
        forms.append((pull(v) * v).sum(dim=-1))
    return values, torch.cat(forms)


def _functional(f: FieldOf, x: Tensor) -> Linearised:
    """Linearise by torch.func, which compiles, but does not support checkpointing."""

    def first_and_all(state: Tensor) -> tuple[Tensor, tuple[Tensor, ...]]:
        values = f(state)
        return values[0], values

    transformed: Any = torch.func.vjp(first_and_all, x, has_aux=True)
    _, pull, values = transformed
    return values, torch.func.vmap(lambda v: pull(v)[0])


def _recorded(f: FieldOf, x: Tensor) -> Linearised:
    """Linearise by the graph that autograd records."""
    gradients = torch.is_grad_enabled()
    attention = plain_attention()  # decided before gradients are switched on
    with torch.enable_grad(), attention:
        state = x if gradients and x.requires_grad else x.detach().requires_grad_()
        values = f(state)

    def pull(v: Tensor) -> Tensor:
        if not values[0].requires_grad:
            return torch.zeros_like(v)
        if gradients:
            # One by one: batched, torch's group normalisation has no second derivatives.
            return torch.stack([one(each) for each in v])
        (product,) = torch.autograd.grad(
            values[0],
            state,
            v,
            is_grads_batched=True,
            retain_graph=True,
            materialize_grads=True,
        )
        return product

    def one(v: Tensor) -> Tensor:
        options = {"create_graph": True, "materialize_grads": True}
        (product,) = torch.autograd.grad(values[0], state, v, **options)
        return product

    return (values if gradients else tuple(v.detach() for v in values)), pull
