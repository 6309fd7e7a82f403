"""Exponentiated gradient descent, which keeps the sign of every weight."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, final, overload

import torch
from torch import Tensor
from torch.optim.optimizer import Optimizer, ParamsT

from interpolants.utils.checks import check, check_positive, is_number


@final
class ExponentiatedGradient(Optimizer):
    """Updates w <- w exp(-lr sign(w) g), gradient descent in log |w|.

    It is mirror descent with the entropy of |w| (Kivinen and Warmuth, Information and Computation
    132, 1997), so that weights keep their signs, as those of synapses do under Dale's principle,
    and become log-normal where plain descent makes them normal. To first order in lr a step is -lr
    |w| g, a step of plain descent with a rate proportional to |w|.

    Weights that are exactly zero stay zero: biases that start at zero are not trained. The size of
    all others is clamped to the normal numbers of their precision.

    Args:
        params: parameters, or groups of them with options.
        lr: step size in log |w| per unit of gradient, > 0.
        momentum: g is replaced by v <- momentum v + g, in [0, 1).
        max_exponent: bound > 0 on |lr sign(w) g|, and so on the relative change of a weight in one
            step. At 0.03 (3 percent) networks train at rates that diverge at 1; only steps that
            are not clamped are mirror descent.

    Raises:
        ValueError: if an option is out of range, or a parameter is not real.
    """

    def __init__(
        self,
        params: ParamsT,
        *,
        lr: float = 4.0,
        momentum: float = 0.9,
        max_exponent: float = 0.03,
    ) -> None:
        super().__init__(params, {"lr": lr, "momentum": momentum, "max_exponent": max_exponent})

    def add_param_group(self, param_group: dict[str, Any]) -> None:
        """Add a group of parameters; options that it lacks are the optimiser's."""
        name, options = type(self).__name__, self.defaults | param_group
        check_positive(f"{name}.lr", options["lr"])
        check_positive(f"{name}.max_exponent", options["max_exponent"])
        momentum = options["momentum"]
        ok = is_number(momentum) and 0 <= momentum < 1
        check(ok, f"{name}.momentum", "a number in [0, 1)", momentum)
        super().add_param_group(param_group)
        for parameter in self.param_groups[-1]["params"]:
            dtype = parameter.dtype
            check(dtype.is_floating_point, f"{name}.params", "real parameters", dtype)

    @overload
    def step(self, closure: None = None) -> None: ...

    @overload
    def step(self, closure: Callable[[], float]) -> float: ...

    def step(self, closure: Callable[[], float] | None = None) -> float | None:
        """Update every parameter that has a gradient.

        Args:
            closure: computes the loss and its gradients anew, and returns it.

        Returns:
            What the closure returned, or None without one.
        """
        loss = None
        if closure is not None:
            with torch.enable_grad():
                loss = closure()
        with torch.no_grad():
            for group in self.param_groups:
                self._update(group)
        return loss

    def _update(self, group: dict[str, Any]) -> None:
        weights: list[Tensor] = [p for p in group["params"] if p.grad is not None]
        if not weights:
            return
        signs = torch._foreach_sign(weights)
        exponents = torch._foreach_mul(self._gradients(weights, group["momentum"]), signs)
        torch._foreach_mul_(exponents, -group["lr"])
        torch._foreach_clamp_min_(exponents, -group["max_exponent"])
        torch._foreach_clamp_max_(exponents, group["max_exponent"])
        torch._foreach_exp_(exponents)
        sizes = torch._foreach_abs(weights)
        torch._foreach_mul_(sizes, exponents)
        limits = [torch.finfo(w.dtype) for w in weights]
        torch._foreach_clamp_min_(sizes, [limit.tiny for limit in limits])
        torch._foreach_clamp_max_(sizes, [limit.max for limit in limits])
        torch._foreach_mul_(sizes, signs)
        torch._foreach_copy_(weights, sizes)

    def _gradients(self, weights: list[Tensor], momentum: float) -> list[Tensor]:
        """Gradients, or their running sums with momentum."""
        gradients = [w.grad for w in weights if w.grad is not None]
        if momentum == 0:
            return gradients
        key = "momentum_buffer"
        for w in weights:
            if key not in self.state[w]:
                self.state[w][key] = torch.zeros_like(w)
        sums: list[Tensor] = [self.state[w][key] for w in weights]
        torch._foreach_mul_(sums, momentum)
        torch._foreach_add_(sums, gradients)
        return sums
