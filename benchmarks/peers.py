"""The same solves by other packages; one that is not installed is left out with a line."""

from __future__ import annotations

import contextlib
import io
import warnings
from collections.abc import Callable

import torch
from torch import Tensor, nn

from benchmarks.timing import Work

Field = Callable[[Tensor, Tensor], Tensor]


def euler_peers(field: Field, x: Tensor, num_steps: int) -> dict[str, Work]:
    """Euler with equal steps on [0, 1], by name; `field(t, x)` takes a 0-d time."""
    makers = {
        "torchdiffeq, every node": torchdiffeq_nodes,
        "torchdiffeq, step_size": _torchdiffeq_step_size,
        "flow_matching": _flow_matching,
        "torchode": _torchode,
        "torchdyn": _torchdyn,
    }
    works: dict[str, Work] = {}
    for name, maker in makers.items():
        try:
            with warnings.catch_warnings(), contextlib.redirect_stdout(io.StringIO()):
                warnings.simplefilter("ignore")
                works[name] = maker(field, x, num_steps)
        except ImportError as error:
            print(f"{name}: left out, {error}")
    return works


def torchdiffeq_nodes(field: Field, x: Tensor, num_steps: int) -> Work:
    """Euler by torchdiffeq, with the state at every node."""
    from torchdiffeq import odeint

    times = torch.linspace(0, 1, num_steps + 1, device=x.device)
    return lambda: odeint(field, x, times, method="euler")[-1]


def _torchdiffeq_step_size(field: Field, x: Tensor, num_steps: int) -> Work:
    from torchdiffeq import odeint

    ends, options = torch.tensor([0.0, 1.0]), {"step_size": 1 / num_steps}
    return lambda: odeint(field, x, ends, method="euler", options=options)[-1]


def _flow_matching(field: Field, x: Tensor, num_steps: int) -> Work:
    from flow_matching.solver import ODESolver
    from flow_matching.utils import ModelWrapper

    class Velocity(ModelWrapper):
        def forward(self, x: Tensor, t: Tensor, **extras: object) -> Tensor:
            return field(t, x)

    solver = ODESolver(velocity_model=Velocity(nn.Identity()))
    return lambda: solver.sample(x_init=x, step_size=1 / num_steps, method="euler")


def _torchode(field: Field, x: Tensor, num_steps: int) -> Work:
    import torchode

    term = torchode.ODETerm(lambda t, y: field(t[0], y))
    method = torchode.Euler(term=term)
    solver = torchode.AutoDiffAdjoint(method, torchode.FixedStepController())
    size = torch.full((len(x),), 1 / num_steps)
    times = torch.tensor([[0.0, 1.0]]).expand(len(x), 2)
    problem = torchode.InitialValueProblem(y0=x, t_eval=times)
    return lambda: solver.solve(problem, dt0=size).ys[:, -1]


def _torchdyn(field: Field, x: Tensor, num_steps: int) -> Work:
    from torchdyn.core import NeuralODE

    class Velocity(nn.Module):
        def forward(self, t: Tensor, x: Tensor, args: object = None) -> Tensor:
            return field(t, x)

    node = NeuralODE(Velocity(), solver="euler", sensitivity="adjoint")
    times = torch.linspace(0, 1, num_steps + 1)
    return lambda: node.trajectory(x, t_span=times)[-1]


class _SDE(nn.Module):
    """torchsde's view of dX = field dt + g dW."""

    noise_type, sde_type = "diagonal", "ito"

    def __init__(self, field: Field, g: float) -> None:
        super().__init__()
        self.f = field
        self.size = g

    def g(self, t: Tensor, y: Tensor) -> Tensor:
        return torch.full_like(y, self.size)


def torchsde_euler(field: Field, x: Tensor, g: float, num_steps: int, *, matched: bool) -> Work:
    """Euler-Maruyama; with its defaults, or with float64 times and a Brownian path of its step."""
    from torchsde import BrownianInterval, sdeint

    dt = 1 / num_steps
    ts = torch.tensor([0.0, 1.0], dtype=torch.float64 if matched else torch.float32)
    # A network wants its own dtype.
    sde = _SDE(lambda t, y: field(t.to(y.dtype), y), g)

    def default() -> Tensor:
        end: Tensor = sdeint(sde, x, ts, method="euler", dt=dt)[-1]
        return end

    def with_path() -> Tensor:
        path = BrownianInterval(t0=ts[0], t1=ts[1], size=x.shape, dtype=x.dtype, dt=dt)
        end: Tensor = sdeint(sde, x, ts, bm=path, method="euler", dt=dt)[-1]
        return end

    return with_path if matched else default
