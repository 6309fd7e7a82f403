"""Construction of fields and scalings from configurations and state dicts."""

from __future__ import annotations

import inspect
from collections.abc import Callable, Mapping, Sequence
from typing import Any

import torch
from torch import Tensor, nn

from interpolants.base.base import Base
from interpolants.coupling.base import Coupling
from interpolants.data.base import Data
from interpolants.data.labels import Labels
from interpolants.fields.fields import Fields
from interpolants.fields.preconditioning import Preconditioning
from interpolants.net.condition import Condition
from interpolants.net.probe import probe_network
from interpolants.objective.base import Objective
from interpolants.objective.derivative_probe import probe_derivatives
from interpolants.space.base import Space
from interpolants.space.scaling import Scaling
from interpolants.utils.checks import check

# Rows for the warning about initial states, if the base needs no fit.
_FEW_ROWS = 1_000


def build_fields(
    build: Callable[[str], Any],
    event_shape: Sequence[int],
    labels: Labels | None = None,
    std: float | None = None,
) -> tuple[Fields, Objective]:
    """Build fields and objective from the parts of a configuration.

    Args:
        build: builds the object of a key: `interpolant`, `base`, `coupling`, `objective`, of a
            flow map `time_sampler`, and `net`, a factory that still needs its shape.
        event_shape: shape of one sample.
        labels: labels that the network is conditioned on; none if None.
        std: root mean square of the data, for preconditioning; None for no preconditioning.

    Raises:
        ValueError: if the objective does not apply to the path, or the network has other
            arguments.
    """
    objective: Objective = build("objective")
    coupling: Coupling = build("coupling")
    make_net = build("net")
    channels = coupling.image_channels(event_shape)
    options: dict[str, Any] = {} if labels is None else dict(labels.net_options())
    options |= {"image_channels": channels} if channels else {}
    if objective.two_times:
        _check_two_times(make_net)
        options |= {"two_times": True}
    options |= {} if objective.scales is None else {"largest_scale": objective.scales.largest}
    try:
        net = make_net(event_shape=tuple(event_shape), heads=len(objective.predicts), **options)
    except TypeError as error:
        raise ValueError(f"net: {error}") from error
    fields = Fields(
        net=net,
        interpolant=build("interpolant"),
        predicts=objective.predicts,
        base=build("base"),
        coupling=coupling,
        preconditioning=None if std is None else Preconditioning(std=std),
        jumps=build("time_sampler").jumps if objective.two_times else None,
    )
    objective.check(fields)
    return fields, objective


def _check_two_times(make_net: Any) -> None:
    """Require a network that takes a second time, by its signature."""
    takes = inspect.signature(make_net).parameters.values()
    fits = any(p.name == "two_times" or p.kind == p.VAR_KEYWORD for p in takes)
    name = getattr(getattr(make_net, "func", make_net), "__name__", type(make_net).__name__)
    fix = "use net=mlp, residual_mlp, unet or dit, or task=interpolant"
    check(fits, "net", "a network with two times, for a flow map", name, fix)


def probe_fields(
    fields: Fields, event_shape: Sequence[int], labels: Labels | None, objective: Objective
) -> None:
    """Try the network of new fields as training will call it; see `probe_network`.

    Raises:
        ValueError: if the network does not keep its contract.
    """
    generator, condition = torch.Generator().manual_seed(0), Condition()
    if labels is not None:
        last = len(labels.frequencies) - 1
        vectors = torch.randn(2, labels.size, generator=generator)
        dropped = torch.tensor([False, True]) if labels.dropout > 0 else None
        label = vectors if labels.size else torch.tensor([last, 0])
        condition = condition._replace(label=label, dropped=dropped)
    channels = fields.coupling.image_channels(event_shape)
    if channels:
        image = torch.randn(2, channels, *event_shape[1:], generator=generator)
        condition = condition._replace(image=image)
    if objective.two_times:
        condition = condition._replace(until=torch.tensor([0.5, 0.9]))
    if objective.scales is not None:
        condition = condition._replace(guidance=torch.tensor([[2.0, 0.0, 1.0], [1.0, 0.2, 0.9]]))
    told = condition if any(part is not None for part in condition) else None
    probe_network(fields.net, event_shape, len(fields.predicts), told)
    if objective.forward_mode:
        own = fields.condition_on(condition._replace(until=None))
        probe_derivatives(own, event_shape, type(objective).__name__)


def fit_scaling(data: Data, space: Space) -> Scaling:
    """Fit a space and the scaling of data in it to training rows.

    Raises:
        ValueError: if the data do not lie in the space.
    """
    return Scaling(*data.chart_units(space), space)


def root_mean_square(data: Data, scaling: Scaling) -> float:
    """Root mean square of coordinates over some training rows, in the units of the networks."""
    rows = data.sample(_FEW_ROWS, torch.Generator().manual_seed(0)).x1
    return float(scaling.to_model(rows).square().mean().sqrt())


def fit_base(data: Data, scaling: Scaling, fields: Fields) -> None:
    """Fit the fields' base to training rows.

    Raises:
        ValueError: if the space of the base is not that of the data.
    """
    _check_base_space(fields.base, scaling.space)
    if type(fields.base).fit is Base.fit:
        rows = data.sample(_FEW_ROWS, torch.Generator().manual_seed(0))
    else:
        rows = data.fitting_batch()
    fields.fit_base(scaling.to_model(rows.x1), rows.label)


def _check_base_space(base: Base, space: Space) -> None:
    """Require x0 in the networks' units, or in the space of x1."""
    base_space, raw = base.scaling.space, base.scaling.is_identity
    names = [f"{type(each).__name__}{each.settings or ''}" for each in (base_space, space)]
    check(
        (base_space.euclidean and raw) or base_space.same_as(space),
        "base.space",
        f"the space of the data, {names[1]}, with the same settings and signs",
        names[0],
        "leave base.space as it is in base=dataset, and choose data@base.data of the same signs",
    )


def load_state(
    model: nn.Module, space: Space, state: Mapping[str, Tensor], event_shape: Sequence[int]
) -> Scaling:
    """Load the state dict of a `Trainable`: weights into `model`; returns the scaling.

    Args:
        model: a model built as for training.
        space: space of the data, not fitted yet.
        state: state dict with the keys `model.*` and `scaling.*`.
        event_shape: shape of one sample, which is that of the scaling.

    Raises:
        RuntimeError, KeyError: if the state is another model's.
    """
    shift, scale = state["scaling.shift"], state["scaling.scale"]
    if not shift.shape == scale.shape == torch.Size(event_shape):
        shapes = f"{tuple(shift.shape)} and {tuple(scale.shape)}"
        raise RuntimeError(f"scaling of shapes {shapes} for samples of {tuple(event_shape)}")
    scaling = Scaling(shift, scale, space)
    for prefix, part in (("model.", model), ("scaling.", scaling)):
        own = {k.removeprefix(prefix): v for k, v in state.items() if k.startswith(prefix)}
        part.load_state_dict(own)
    return scaling
