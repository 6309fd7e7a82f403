"""Sharded weights (FSDP)."""

from __future__ import annotations

from torch import Tensor, nn
from torch.distributed.device_mesh import DeviceMesh
from torch.distributed.fsdp import fully_shard
from torch.distributed.tensor import DTensor, distribute_tensor


def shard(net: nn.Module, mesh: DeviceMesh) -> None:
    """Shard every weight of a network over processes; a call of the network gathers them.

    Modules in lists are gathered one by one.

    Args:
        net: the network, changed in place; names of weights do not change.
        mesh: processes by machine and by number in it. Weights are sharded within a machine, and
            replicated over machines.
    """
    lists = [module for module in net.modules() if isinstance(module, nn.ModuleList)]
    for part in [part for each in lists for part in each if not isinstance(part, nn.ModuleList)]:
        fully_shard(part, mesh=mesh)
    fully_shard(net, mesh=mesh)


def is_sharded(module: nn.Module) -> bool:
    """True if the module's weights are sharded."""
    return any(isinstance(weight, DTensor) for weight in module.parameters())


def own_share(weight: Tensor) -> Tensor:
    """Shard of this process, in the same memory; an ordinary weight itself."""
    return weight.to_local() if isinstance(weight, DTensor) else weight


def gathered(weight: Tensor) -> Tensor:
    """Complete weight, gathered by a call on all processes; an ordinary weight itself."""
    return weight.full_tensor() if isinstance(weight, DTensor) else weight


def shared_as(whole: Tensor, weight: Tensor) -> Tensor:
    """Shard `whole` like `weight`; a copy if that is an ordinary weight."""
    if isinstance(weight, DTensor):
        return distribute_tensor(whole.to(weight.device), weight.device_mesh, weight.placements)
    return whole.clone()
