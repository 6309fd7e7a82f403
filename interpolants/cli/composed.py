"""Checks of a composed configuration: every key is known, and every value of a kind that fits."""

from __future__ import annotations

import ast
import re
from collections.abc import Iterable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any, NamedTuple

import yaml

from interpolants.cli.arguments import arguments
from interpolants.cli.definitions import is_module
from interpolants.cli.errors import unknown
from interpolants.cli.kinds import ANY, Kind, default_kind, kind_of
from interpolants.utils.checks import check

# What the defaults in the yaml files of commands and task/ do not tell.
_KINDS = {
    **dict.fromkeys(
        ("ckpt", "init", "run_dir", "run_id", "out", "stem", "sweep_value"), "str | None"
    ),
    **dict.fromkeys(("freeze", "change"), "list[str]"),
    **dict.fromkeys(("clip_norm", "label_dropout", "patience"), "float | None"),
    **dict.fromkeys(("power_ema", "chunk_size", "context_length"), "int | None"),
    "num_steps": "int",
    "label": "int | float | bool | str | Sequence[float] | None",
    **dict.fromkeys(("weights", "init_weights"), "str | float"),
    "dequantise": "bool | None",
}
# Keys of a part that only Hydra reads.
_HYDRA = {"_target_", "_partial_", "_convert_", "_recursive_", "_args_"}


class Known(NamedTuple):
    """Keys of a command at the top of its configuration.

    Attributes:
        settings: kind of the values of each setting.
        groups: default option of each group.
    """

    settings: Mapping[str, Kind]
    groups: Mapping[str, Any]

    @property
    def keys(self) -> list[str]:
        """All of them."""
        return [*self.settings, *self.groups]


def known_keys(command: str, folders: Sequence[Path], task: str = "*") -> Known:
    """Keys of a command, read from its yaml file and from those of its tasks.

    Args:
        command: its name.
        folders: of yaml files; the first has the command's own, the others are the user's.
        task: the task, or * for all.
    """
    settings: dict[str, Kind] = {}
    groups: dict[str, Any] = {}
    tasks = {f"task/{path.stem}" for f in folders for path in f.glob(f"task/{task}.yaml")}
    for name in (command, *sorted(tasks)):
        if name == command or "task" in groups:
            for path in _files(name, folders):
                _add(path, settings, groups)
    return Known(settings, groups)


def check_composed(cfg: Any, command: str, folders: Sequence[Path]) -> None:
    """Require known keys and values of kinds that fit, before anything heavy is imported.

    Args:
        cfg: the configuration that Hydra composed.
        command, folders: as of `known_keys`.

    Raises:
        ValueError: for the first fault.
    """
    from hydra.core.hydra_config import HydraConfig
    from omegaconf import OmegaConf

    choices = HydraConfig.get().runtime.choices
    known = known_keys(command, folders, choices.get("task") or "*")
    # As written: a value that stands elsewhere is checked there.
    config: Any = OmegaConf.to_container(cfg, resolve=False)
    check_top(config, known, OmegaConf.to_yaml(cfg))
    _check_task(config, choices.get("task"), folders)
    _check_parts(config, "", groups_of(choices, folders))


def check_top(config: Mapping[str, Any], known: Known, text: str) -> None:
    """Require the known keys at the top of a configuration, and no other.

    Args:
        config: the configuration as plain data, not resolved.
        known: the keys.
        text: the same as yaml.

    Raises:
        ValueError: for the first fault.
    """
    for key, value in config.items():
        # A key of the user's own may serve others by interpolation.
        if key not in known.keys and re.search(rf"\$\{{{re.escape(key)}\b", text) is None:
            raise ValueError(unknown(key, known.keys))
        if key in known.settings and not _is_elsewhere(value):
            known.settings[key].check(key, value)
        if key in known.groups:
            _check_group(key, value)
    needed = (key for key, option in known.groups.items() if option is not None)
    for key in (*known.settings, *needed):
        check(key in config, key, "a value", None, f"set {key}=...")


def _check_group(key: str, value: Any) -> None:
    """Require one part, or named ones, such as several metrics."""
    check(isinstance(value, dict), key, "an option", value, "list them with --help")
    for name, part in value.items() if "_target_" not in value else ():
        is_part = isinstance(part, dict) and "_target_" in part
        check(is_part, f"{key}.{name}", "a part with _target_", part)


def groups_of(choices: Iterable[str], folders: Sequence[Path]) -> dict[str, str]:
    """Group of each part, by the key of the part, such as "sampler/solver" of "sampler.solver".

    Args:
        choices: groups of which an option is chosen, as Hydra lists them.
        folders: of yaml files, for the others.
    """
    paths = (path.relative_to(f) for f in folders for path in f.glob("*/**") if path.is_dir())
    found = {".".join(path.parts): path.as_posix() for path in paths}
    for choice in choices:
        group, at, key = choice.partition("@")
        found[key.removeprefix("_global_.") if at else group.replace("/", ".")] = choice
    return found


def _check_task(config: Mapping[str, Any], task: str | None, folders: Sequence[Path]) -> None:
    """Require parts that have the arguments which the task sets for them."""
    for path in _files(f"task/{task}", folders):
        for part, own in yaml.safe_load(path.read_text()).items():
            node = config.get(part)
            if not isinstance(node, dict) or not isinstance(own, dict):
                continue
            target = str(node.get("_target_"))
            takes = arguments(target)
            if takes is None or takes.is_open:
                continue
            for key in own.keys() & node.keys() - takes.kinds.keys() - _HYDRA:
                options = (f for folder in folders for f in folder.glob(f"{part}/*.yaml"))
                fit = [f.stem for f in options if key in yaml.safe_load(f.read_text())]
                rule = f"a part with {key}, which task={task} sets"
                fix = f"use {part}=..., out of {', '.join(sorted(fit))}"
                check(False, part, rule, target.rpartition(".")[2], fix)


def _check_parts(node: Any, where: str, groups: Mapping[str, str]) -> None:
    """Check the arguments of every part in plain data."""
    if isinstance(node, list):
        for i, item in enumerate(node):
            _check_parts(item, f"{where}[{i}]", groups)
    if not isinstance(node, dict):
        return
    target = node.get("_target_")
    takes = arguments(target) if isinstance(target, str) else None
    if takes is None and isinstance(target, str):
        rule, fix = "a class or function", f"write {target}.Name for one of this module"
        check(not is_module(target), f"{where}._target_", rule, target, fix)
    for key, value in node.items():
        name = f"{where}.{key}" if where else key
        if takes is not None and key not in _HYDRA:
            kind = takes.kinds.get(key, ANY if takes.is_open else None)
            if kind is None:
                raise ValueError(unknown(name, [f"{where}.{option}" for option in takes.kinds]))
            if _is_elsewhere(value):
                continue
            if isinstance(value, str) and name in groups and "str" not in kind.names:
                raise ValueError(f"{name} is a group: write {groups[name]}={value}")
            kind.check(name, value)
        _check_parts(value, name, groups)


def _is_elsewhere(value: Any) -> bool:
    """True for an interpolation, and for a value that is still missing."""
    return isinstance(value, str) and ("${" in value or value == "???")


def _add(path: Path, settings: dict[str, Kind], groups: dict[str, Any]) -> None:
    """Add the keys of a yaml file."""
    content = yaml.safe_load(path.read_text())
    chosen = [entry for entry in content.get("defaults", ()) if isinstance(entry, dict)]
    options = {key.lstrip("/"): option for entry in chosen for key, option in entry.items()}
    groups |= {key: option for key, option in options.items() if " " not in key and key != "hydra"}
    for key in content.keys() - {"defaults", "hydra", *groups}:
        annotation = _KINDS.get(key)
        settings[key] = (
            default_kind(content[key])
            if annotation is None
            else kind_of(ast.parse(annotation, mode="eval").body)
        )


def _files(name: str, folders: Sequence[Path]) -> Iterator[Path]:
    """The yaml file of a name in the first folder that has it, after those that it builds on."""
    path = next((path for f in folders if (path := f / f"{name}.yaml").is_file()), None)
    if path is None:
        return
    content = yaml.safe_load(path.read_text())
    for entry in content.get("defaults", []) if isinstance(content, dict) else ():
        if isinstance(entry, str) and entry != "_self_":
            yield from _files(f"{Path(name).parent}/{entry}", folders)
    yield path
