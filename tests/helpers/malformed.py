"""Checkpoints that are hostile or malformed, made from a good one of a conditional MLP."""

from __future__ import annotations

import copy
import sys
import zipfile
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any, NamedTuple

import torch
from torch import Tensor

_PACKAGE = "interpolants"
_FEATURES = {"_target_": f"{_PACKAGE}.metric.features.inception.InceptionFeatures"}
_FOLDER = {"_target_": f"{_PACKAGE}.data.image_folder.ImageFolder", "path": "/", "size": 8}
_MNIST = {"_target_": f"{_PACKAGE}.data.mnist.MNIST", "root": "asked", "download": True}
_DATASET = {"_target_": f"{_PACKAGE}.base.dataset.DatasetBase", "data": _MNIST, "space": None}
_SPEEDS = {"_target_": f"{_PACKAGE}.driver.geometric_speeds.GeometricSpeeds", "count": 10**6}
_LINEAR = f"{_PACKAGE}.interpolant.linear.LinearInterpolant"
_BRIDGE = f"{_PACKAGE}.interpolant.gamma.brownian_bridge.BrownianBridgeGamma"


class Case(NamedTuple):
    """A change of a checkpoint, and a part of the sentence that refuses it."""

    change: Callable[[dict[str, Any]], Any]
    says: str


def _config(**parts: Any) -> Callable[[dict[str, Any]], Any]:
    """Change of entries of the configuration; a name with __ is one of a part."""

    def change(content: dict[str, Any]) -> None:
        for name, value in parts.items():
            *path, last = name.split("__")
            node = content["hyper_parameters"]["config"]
            for key in path:
                node = node[key]
            node[last] = value

    return change


def _entry(**entries: Any) -> Callable[[dict[str, Any]], Any]:
    return lambda content: content.update(entries)


def _without(*path: str) -> Callable[[dict[str, Any]], Any]:
    def change(content: dict[str, Any]) -> None:
        for key in path[:-1]:
            content = content[key]
        del content[path[-1]]

    return change


def _weight(place: str, name: str, value: Callable[[Tensor], Any]) -> Callable[..., Any]:
    def change(content: dict[str, Any]) -> None:
        weights = content["ema"]["weights"] if place == "ema" else content["state_dict"]
        found = next((key for key in weights if key.endswith(name)), name)
        weights[found] = value(weights.get(found, torch.zeros(1)))

    return change


def _nan(tensor: Tensor) -> Tensor:
    return torch.where(torch.arange(tensor.numel()).view(tensor.shape) == 0, torch.nan, tensor)


def _deep(depth: int) -> dict[str, Any]:
    node: dict[str, Any] = {"_target_": _BRIDGE, "a": 1.0}
    for _ in range(depth):
        node = {"_target_": _LINEAR, "gamma": node}
    return node


def _cyclic(content: dict[str, Any]) -> None:
    node: dict[str, Any] = {"_target_": _LINEAR}
    node["gamma"] = node
    content["hyper_parameters"]["config"]["interpolant"] = node


def _doubling(content: dict[str, Any]) -> None:
    values: list[Any] = [1.0]
    for _ in range(40):
        values = [values, values]
    content["hyper_parameters"]["config"]["event_shape"] = values


_LAYER = "layers.0.weight"
_PARTS = ("space", "sampler", "interpolant", "base", "coupling", "objective", "net", "guidance")
CASES = {
    **{
        f"features as {key}": Case(_config(**{key: _FEATURES}), f"{key}._target_: ")
        for key in _PARTS
    },
    "features as task": Case(_config(task=_FEATURES), "task._target_: "),
    "features as gamma": Case(_config(interpolant__gamma=_FEATURES), "interpolant.gamma._target_"),
    "folder as interpolant": Case(_config(interpolant=_FOLDER), "interpolant._target_: "),
    "folder as solver": Case(_config(sampler__solver=_FOLDER), "sampler.solver._target_: "),
    "data as base": Case(_config(base=_MNIST), "base._target_: "),
    "output as space": Case(
        _config(space={"_target_": f"{_PACKAGE}.report.output.png.PngOutput"}), "space._target_: "
    ),
    "space as net": Case(
        _config(net={"_target_": f"{_PACKAGE}.space.log.LogSpace"}), "net._target_: "
    ),
    "sampler that is built": Case(_config(sampler___partial_=False), "sampler._partial_: "),
    "space that is not": Case(_config(space___partial_=True), "space._partial_: "),
    "part without a name": Case(_config(space={"a": 1}), "space: expected a dict with _target_"),
    "number as part": Case(_config(space=3), "space: expected a Space, got 3"),
    "text as number": Case(_config(interpolant__gamma__a="x"), "interpolant.gamma.a: "),
    "argument of none": Case(_config(net__nope=1), "net.nope: expected an argument of MLP"),
    "name with lines": Case(_config(net={"_target_": "a.b\n" * 99}), "net._target_: "),
    "key with lines": Case(_config(net__x={"a\nb" * 99: 1}), "net.x: "),
    "wide": Case(_config(net__hidden=10**7), "the network in its config, got others"),
    "wider": Case(_config(net__hidden=10**12), "net.hidden: expected a whole number of at most"),
    "long": Case(_config(net__depth=10**7), "the network in its config, got others"),
    "many speeds": Case(_config(sampler__process__driver=_SPEEDS), "sampler.process.driver: "),
    "deep": Case(_config(interpolant=_deep(900)), "containers more than 50 deep"),
    "deep enough": Case(_config(interpolant=_deep(25)), "interpolant.gamma"),
    "cyclic": Case(_cyclic, "containers more than 50 deep"),
    "doubling": Case(_doubling, "entries"),
    "large event": Case(_config(event_shape=[10**12]), "scaling of shapes|got others|at most"),
    "other event": Case(_config(event_shape=[3]), "the network in its config, got others"),
    "no event": Case(_config(event_shape=[]), "event_shape: expected"),
    "negative event": Case(
        _config(event_shape=[-2]), "event_shape[0]: expected a whole number >="
    ),
    "text as event": Case(_config(event_shape="x"), "event_shape: expected a list, got 'x'"),
    "text as labels": Case(_config(labels="x"), "labels: expected a Labels or null, got 'x'"),
    "list as labels": Case(_config(labels=[1]), "labels: expected a Labels or null, got a list"),
    "labels of another": Case(_config(labels={"nope": 1}), "labels.nope: "),
    "labels of texts": Case(_config(labels__frequencies=["x"]), "labels.frequencies[0]: "),
    "labels of vectors": Case(_config(labels__size=3), "labels: Labels.size: "),
    "text as std": Case(_config(std="x"), "std: expected a finite number or null, got 'x'"),
    "no net": Case(_without("hyper_parameters", "config", "net"), "no net in its config"),
    "no space": Case(_without("hyper_parameters", "config", "space"), "no space in its config"),
    "list as config": Case(_entry(hyper_parameters={"config": [1]}), "hyper_parameters.config: "),
    "number as parameters": Case(_entry(hyper_parameters=3), "hyper_parameters: expected a dict"),
    "no weights": Case(_without("state_dict"), "no state_dict"),
    "empty weights": Case(_entry(state_dict={}), "expected a weight of the network"),
    "list as weights": Case(_entry(state_dict=[1]), "state_dict: expected a dict, got a list"),
    "text as weight": Case(
        _weight("raw", _LAYER, lambda w: "x"), "layers.0.weight: expected a Te"
    ),
    "one weight more": Case(
        _weight("raw", "trainable.model.new", lambda w: w), "model.new|got oth"
    ),
    "a weight less": Case(_without("state_dict", "trainable.scaling.shift"), "scaling.shift"),
    "weight of a shape": Case(
        _weight("raw", "layers.0.bias", lambda w: w[:3]), "layers.0.bias: expected shape (3,)"
    ),
    "nan in a weight": Case(_weight("raw", _LAYER, _nan), "layers.0.weight: expected finite num"),
    "nan in the scaling": Case(
        _weight("raw", "scaling.scale", _nan), "scaling.scale: expected fi"
    ),
    "nan in an average": Case(_weight("ema", _LAYER, _nan), "ema.weights.net.layers.0.weight: "),
    "average left out": Case(_without("ema", "weights", "net.layers.0.bias"), "ema.weights"),
    "virtual weight": Case(
        _weight("raw", "scaling.shift", lambda w: torch.zeros(1).expand(10**12)),
        "more numbers than",
    ),
    "sparse weight": Case(
        _weight("raw", _LAYER, lambda w: torch.zeros(10**6, 10**6, layout=torch.sparse_coo)),
        "refused, nothing was run|other tensors",
    ),
    "list as ema": Case(_entry(ema=[1]), "ema: expected a dict, got a list"),
    "ema of nothing": Case(_entry(ema={}), "ema.last_step: expected a whole number, got nothing"),
    "negative ema": Case(_entry(ema={"last_step": -1, "weights": {}}), "ema.last_step: expected"),
    "list as power_ema": Case(_entry(power_ema=[1]), "power_ema: expected a dict, got a list"),
    "negative step": Case(
        _entry(global_step=-5), "global_step: expected a whole number >= 0, got -5"
    ),
    "text as step": Case(_entry(global_step="x"), "global_step: expected a whole number, got 'x'"),
    "no step": Case(_without("global_step"), "global_step: expected a whole number, got nothing"),
    "large step": Case(_entry(global_step=10**5000), "global_step: |damaged file"),
    "no format": Case(_entry(interpolants=[1]), "expected a checkpoint of format"),
    "set": Case(_entry(more={1, 2}), "refused, nothing was run"),
    "bytes": Case(_entry(more=b"x"), "refused, nothing was run"),
}
RESUMED = {
    "no optimiser": Case(_without("optimizer_states"), "optimizer_states: expected a list"),
    "text as optimiser": Case(_entry(optimizer_states=["x"]), "optimizer_states[0]: expected a d"),
    "no schedule": Case(_without("lr_schedulers"), "lr_schedulers: expected a list, got nothing"),
    "list as loops": Case(_entry(loops=[1]), "loops: expected a dict, got a list"),
    "number as callback": Case(_entry(callbacks={"x": 1}), "callbacks.x: expected a dict, got 1"),
    "negative epoch": Case(_entry(epoch=-1), "epoch: expected a whole number >= 0, got -1"),
}
# These load: what is below a base comes from outside.
DOWNLOAD = Case(_config(base=_DATASET), "")
MOONS = Case(_config(base=_DATASET | {"data": {"_target_": f"{_PACKAGE}.data.moons.Moons"}}), "")


def write_case(case: Case, content: dict[str, Any], path: Path) -> None:
    """Write a changed copy of a checkpoint."""
    changed = copy.deepcopy(content)
    case.change(changed)
    limit = sys.getrecursionlimit()
    sys.setrecursionlimit(20_000)
    try:
        torch.save(changed, path)
    finally:
        sys.setrecursionlimit(limit)


def repacked(
    source: Path, target: Path, change: Callable[[str, bytes], bytes], **options: Any
) -> None:
    """Write the archive again, each member as a function of its name and content."""
    with zipfile.ZipFile(source) as old, zipfile.ZipFile(target, "w", **options) as new:
        for name in old.namelist():
            new.writestr(name, change(name, old.read(name)))


_recording: list[str] | None = None
_EVENTS = ("open", "os.", "socket.", "subprocess.", "shutil.", "urllib.", "ctypes.dlopen")
_QUIET = ("os.fspath", "os.getxattr", "os.putenv", "os.unsetenv")


def _listen(event: str, arguments: tuple[Any, ...]) -> None:
    if _recording is not None and event.startswith(_EVENTS) and event not in _QUIET:
        _recording.append(f"{event} {arguments[0] if arguments else ''}")


sys.addaudithook(_listen)


@contextmanager
def acts(allowed: Path) -> Iterator[list[str]]:
    """Audit events of opening, writing, starting and connecting, except imports and one file."""
    global _recording
    _recording = found = []
    try:
        yield found
    finally:
        _recording = None
        found[:] = [act for act in found if str(allowed) not in act and not _imports(act)]


def _imports(act: str) -> bool:
    """True for an audit event of an import or of a look for a version."""
    parts = (
        ".py",
        ".so",
        "__pycache__",
        "METADATA",
        "PKG-INFO",
        "python311.zip",
        "entry_points.txt",
    )
    found = any(part in act for part in parts)
    return found or act.split(" ")[-1] in {*sys.path, ""}
