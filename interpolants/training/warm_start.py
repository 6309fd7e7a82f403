"""First weights of a run from another model, and weights that are not trained."""

from __future__ import annotations

import hashlib
from collections.abc import Iterator, Mapping, Sequence
from typing import Any, NamedTuple

import torch
from torch import Tensor, nn

from interpolants.checkpoint.source import read_source
from interpolants.objective.trainable import Trainable
from interpolants.utils.checks import check
from interpolants.utils.log import Log
from interpolants.utils.patterns import matches
from interpolants.utils.seeds import keyed_generator

# Keeps the noise on first weights apart from all other draws of a seed.
_PERTURB = 14
_MOST_NAMES = 8


class Taken(NamedTuple):
    """Comparison of the weights of a model with those of a source, by name.

    Attributes:
        taken: weights of the model that the source has too, with the same shape, by name.
        left: why each other weight keeps its own values, by name.
        unused: names of weights that only the source has.
    """

    taken: dict[str, Tensor]
    left: dict[str, str]
    unused: list[str]


def freeze(model: nn.Module, patterns: Sequence[str]) -> None:
    """Exclude parameters from training, by the patterns that their names match.

    Raises:
        ValueError: if a pattern matches none, or nothing is left to train.
    """
    names = [name for name, _ in model.named_parameters()]
    for pattern in patterns:
        found = any(matches(name, [pattern]) for name in names)
        check(found, "freeze", f"patterns of {_listed(names)}", pattern)
    for name, parameter in model.named_parameters():
        if matches(name, patterns):
            parameter.requires_grad_(False)
    left = any(parameter.requires_grad for parameter in model.parameters())
    check(left or not patterns, "freeze", "patterns that leave weights to train", list(patterns))


def warm_start(trainable: Trainable[Any], config: Mapping[str, Any], say: Log) -> dict[str, Any]:
    """Replace weights of a new model by those of a trained one, where name and shape agree.

    These are parameters, and buffers of networks such as the statistics of batches. What a base or
    a scaling was fitted to belongs to the data, and stays.

    Weights theta that are trained may be shrunk and perturbed, lambda theta + sigma z with
    lambda = `init_shrink`, sigma = `init_noise` and z standard normal (Ash and Adams, On
    Warm-Starting Neural Network Training, arXiv 1910.08475); frozen ones stay as they are.

    Args:
        trainable: the model in training, changed in place.
        config: configuration with `init`, a checkpoint, run or saved model, and its settings.
        say: called with a line on what was taken, and the names of what was not.

    Returns:
        The record for the run's history.

    Raises:
        FileNotFoundError, ValueError: if there are no such weights, or none that fit.
    """
    path, weights = config["init"], config["init_weights"]
    source = read_source(path, weights, "init_weights")
    found = {
        name.removeprefix("model."): weight
        for name, weight in source.state.items()
        if name.startswith("model.")
    }
    fits = _compare(trainable, found)
    rule = "weights with the names and shapes of this network's"
    check(bool(fits.taken), "init", rule, str(path), f"this network has {_listed([*fits.left])}")
    with torch.no_grad():
        for name, weight in fits.taken.items():
            weight.copy_(_changed(name, found[name], weight.requires_grad, config))
    say("\n".join(_lines(fits, source.path, weights)))
    settings = {key: config[key] for key in ("init_weights", "init_shrink", "init_noise")}
    record = {"step": 0, "init": str(path), "taken": len(fits.taken), "left": fits.left}
    return record | settings


def _compare(trainable: Trainable[Any], found: Mapping[str, Tensor]) -> Taken:
    state = trainable.model.state_dict(keep_vars=True)
    weights = {id(weight) for weight in trainable.model.parameters()}
    weights |= {id(buffer) for net in trainable.networks() for buffer in net.buffers()}
    own = {name: weight for name, weight in state.items() if id(weight) in weights}
    left = {
        name: f"{tuple(found[name].shape)} there, {tuple(weight.shape)} here"
        if name in found
        else "not there"
        for name, weight in own.items()
        if name not in found or found[name].shape != weight.shape
    }
    taken = {name: weight for name, weight in own.items() if name not in left}
    return Taken(taken, left, [name for name in found if name not in state])


def _changed(name: str, weight: Tensor, trained: bool, config: Mapping[str, Any]) -> Tensor:
    """A weight of the source, shrunk and perturbed if it is trained."""
    shrink, noise = config["init_shrink"], config["init_noise"]
    if not trained or (shrink == 1 and noise == 0):
        return weight
    key = int.from_bytes(hashlib.blake2b(name.encode(), digest_size=7).digest(), "big")
    z = torch.empty_like(weight).normal_(generator=keyed_generator(_PERTURB, config["seed"], key))
    return weight.mul(shrink).add_(z, alpha=noise)


def _lines(fits: Taken, path: Any, weights: str | float) -> Iterator[str]:
    total = len(fits.taken) + len(fits.left)
    yield f"init: {len(fits.taken)} of {total} weights are those of {path} ({weights})"
    for name, reason in fits.left.items():
        yield f"init: {name} starts anew: {reason}"
    for name in fits.unused:
        yield f"init: {name} of that model is not used"


def _listed(names: Sequence[str]) -> str:
    more = ", ..." if len(names) > _MOST_NAMES else ""
    return ", ".join(names[:_MOST_NAMES]) + more
