"""Targets of hostile files, in calls that work; none is a class of the package."""

from __future__ import annotations

import importlib
import pickle
import subprocess
from pathlib import Path
from typing import Any, NamedTuple

_CONTENT = """
open({marker!r}, "w")
class Class: pass
"""
MODULES = ("planted", "interpolants_evil", "hubconf")


class Payload:
    """Pickles as a call that creates a file."""

    def __init__(self, target: Path) -> None:
        self.target = target

    def __reduce__(self) -> tuple[Any, ...]:
        return Path.touch, (self.target,)


class Hostile(NamedTuple):
    """A target and its arguments, in which `{folder}` stands for the folder of `plant`.

    Attributes:
        is_live: whether a naive call of the target creates the marker.
    """

    target: Any
    arguments: dict[str, Any]
    is_live: bool = True

    def node(self, folder: Path) -> dict[str, Any]:
        """The spec, with the folder filled in."""
        return {"_target_": self.target} | {k: _fill(v, folder) for k, v in self.arguments.items()}


_SHELL = {"command": "touch {folder}/marker"}
_PROCESS = {"args": ["touch", "{folder}/marker"]}
_PICKLE = {"f": "{folder}/payload.pkl", "weights_only": False}
_PLANTED = {"name": "planted"}
_ELSEWHERE = {"a": "{folder}/marker"}

# Targets that another program could import.
IMPORTABLE = [
    Hostile("os.system", _SHELL),
    Hostile("posix.system", _SHELL),
    Hostile("subprocess.run", _PROCESS),
    Hostile("subprocess.Popen", _PROCESS),
    Hostile("builtins.open", {"file": "{folder}/marker", "mode": "w"}),
    Hostile("torch.load", _PICKLE),
    Hostile("torch.hub.load", {"repo_or_dir": "{folder}", "model": "Class", "source": "local"}),
    Hostile("numpy.load", {"file": "{folder}/payload.pkl", "allow_pickle": True}),
    Hostile("importlib.import_module", _PLANTED),
    Hostile("planted.Class", {}),
    Hostile("interpolants_evil.Class", {}),
    Hostile("interpolants.checkpoint.spec.importlib.import_module", _PLANTED),
    Hostile("interpolants.fields.fields.torch.load", _PICKLE),
    Hostile("interpolants.data.base.torch.load", _PICKLE),
    # By keywords these do nothing, or nothing to a file.
    Hostile("builtins.eval", _ELSEWHERE, is_live=False),
    Hostile("builtins.exec", _ELSEWHERE, is_live=False),
    Hostile("pathlib.Path.write_text", _ELSEWHERE, is_live=False),
    Hostile("pathlib.Path", _ELSEWHERE, is_live=False),
    Hostile("functools.partial", _ELSEWHERE, is_live=False),
    Hostile("interpolants.checkpoint.spec.functools.partial", _ELSEWHERE, is_live=False),
    Hostile("interpolants.interpolant.linear.BrownianBridgeGamma", {}, is_live=False),
    Hostile("interpolants.checkpoint.spec.build", {"spec": "{folder}/marker"}, is_live=False),
    Hostile("interpolants.utils.checks.check", _ELSEWHERE, is_live=False),
    Hostile("interpolants.training.run.train", {"root": "{folder}"}, is_live=False),
    Hostile("interpolants.training.callbacks.Writer", _ELSEWHERE, is_live=False),
    Hostile("interpolants.cli.run.run", _ELSEWHERE, is_live=False),
    Hostile("interpolants..os.system", _SHELL, is_live=False),
    Hostile("interpolants", _ELSEWHERE, is_live=False),
    Hostile("os.system\n", _SHELL, is_live=False),
    Hostile(["os", "system"], _SHELL, is_live=False),
    Hostile(None, _SHELL, is_live=False),
]


def plant(folder: Path) -> Path:
    """Write what the targets import and load; returns the file that only a call creates."""
    marker = folder / "marker"
    for module in MODULES:
        (folder / f"{module}.py").write_text(_CONTENT.format(marker=str(marker)))
    (folder / "payload.pkl").write_bytes(pickle.dumps(Payload(marker)))
    return marker


def call(node: dict[str, Any]) -> None:
    """Do what a naive builder does with a spec: import the target, and call it."""
    arguments = {key: value for key, value in node.items() if key != "_target_"}
    started = _find(node["_target_"])(**arguments)
    if isinstance(started, subprocess.Popen):
        started.wait()


def _find(target: str) -> Any:
    """The object of a dotted name: modules are imported, what they hold is looked up."""
    first, *rest = target.split(".")
    found, name = importlib.import_module(first), first
    for part in rest:
        name = f"{name}.{part}"
        found = getattr(found, part) if hasattr(found, part) else importlib.import_module(name)
    return found


def _fill(value: Any, folder: Path) -> Any:
    if isinstance(value, list):
        return [_fill(item, folder) for item in value]
    return value.format(folder=folder) if isinstance(value, str) else value
