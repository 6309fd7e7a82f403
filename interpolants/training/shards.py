"""Weights that several processes hold a share of each."""

from __future__ import annotations

from torch import Tensor, nn
from torch.distributed.device_mesh import DeviceMesh
from torch.distributed.fsdp import fully_shard
from torch.distributed.tensor import DTensor, distribute_tensor


def shard(net: nn.Module, mesh: DeviceMesh) -> None:
    """Leave each process a share of every weight of a network; called, it gathers them.

    What the network keeps in lists is gathered one by one.

    Args:
        net: changed in place; the names of its weights stay.
        mesh: processes by machine and by place in it. Weights are shared out within a machine,
            and each machine has all of them.
    """
    lists = [module for module in net.modules() if isinstance(module, nn.ModuleList)]
    for part in [part for each in lists for part in each if not isinstance(part, nn.ModuleList)]:
        fully_shard(part, mesh=mesh)
    fully_shard(net, mesh=mesh)


def is_sharded(module: nn.Module) -> bool:
    """Whether processes hold shares of its weights."""
    return any(isinstance(weight, DTensor) for weight in module.parameters())


def own_share(weight: Tensor) -> Tensor:
    """This process's share, in the same memory; an ordinary weight itself."""
    return weight.to_local() if isinstance(weight, DTensor) else weight


def gathered(weight: Tensor) -> Tensor:
    """The whole weight; all processes ask for it. An ordinary weight itself."""
    return weight.full_tensor() if isinstance(weight, DTensor) else weight


def shared_as(whole: Tensor, weight: Tensor) -> Tensor:
    """The share of `whole` that `weight` is of its own; a copy where it is an ordinary weight."""
    if isinstance(weight, DTensor):
        return distribute_tensor(whole.to(weight.device), weight.device_mesh, weight.placements)
    return whole.clone()
