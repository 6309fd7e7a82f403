"""Checks of a composed configuration: every key is known, and every value of a kind that fits."""

from __future__ import annotations

import ast
import re
from collections.abc import Iterable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any, NamedTuple

import yaml

from interpolants.cli.arguments import arguments
from interpolants.cli.errors import unknown
from interpolants.cli.help import entries
from interpolants.cli.kinds import ANY, Kind, default_kind, kind_of
from interpolants.utils.checks import check

# What the defaults in train.yaml, sample.yaml and task/ do not tell.
_KINDS = {
    **dict.fromkeys(("ckpt", "run_dir", "run_id", "out", "stem"), "str | None"),
    **dict.fromkeys(("clip_norm", "label_dropout"), "float | None"),
    **dict.fromkeys(("power_ema", "chunk_size", "context_length"), "int | None"),
    "num_steps": "int",
    "label": "int | Sequence[float] | None",
    "weights": "str | float",
}
# Keys of a part that only Hydra reads.
_HYDRA = {"_target_", "_partial_", "_convert_", "_recursive_", "_args_"}


class Known(NamedTuple):
    """Keys of a command at the top of its configuration.

    Attributes:
        settings: kind of the values of each setting.
        groups: default option of each group, as it is written.
    """

    settings: Mapping[str, Kind]
    groups: Mapping[str, str]

    @property
    def keys(self) -> list[str]:
        """All of them."""
        return [*self.settings, *self.groups]


def known_keys(command: str, folders: Sequence[Path], task: str = "*") -> Known:
    """Keys of a command, read from its yaml file and from those of its tasks.

    Args:
        command: train or sample.
        folders: of yaml files; the first has the command's own, the others are the user's.
        task: the task, or * for all.
    """
    settings: dict[str, Kind] = {}
    groups: dict[str, str] = {}
    for path in _files(folders[0] / f"{command}.yaml"):
        _add(path, settings, groups)
    if "task" in groups:
        for path in (path for f in folders for path in sorted(f.glob(f"task/{task}.yaml"))):
            for file in _files(path):
                _add(file, settings, groups)
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
    # Keys that a run fills in later may stand for paths elsewhere.
    later = {key: "" for key in ("run_dir", "run_id") if cfg.get(key, "") is None}
    filled = OmegaConf.merge(cfg, later)
    config: Any = OmegaConf.to_container(filled, resolve=True, throw_on_missing=True)
    check_top(config, known, OmegaConf.to_yaml(cfg))
    _check_parts(config, "", groups_of(choices, folders))


def check_top(config: Mapping[str, Any], known: Known, text: str) -> None:
    """Require the known keys at the top of a configuration, and no other.

    Args:
        config: the configuration, resolved, as plain data.
        known: the keys.
        text: the configuration as it is written, not resolved.

    Raises:
        ValueError: for the first fault.
    """
    for key, value in config.items():
        # A key of the user's own may serve others by interpolation.
        if key not in known.keys and re.search(rf"\$\{{{re.escape(key)}\b", text) is None:
            raise ValueError(unknown(key, known.keys))
        if key in known.settings:
            known.settings[key].check(key, value)
        if key in known.groups:
            _check_group(key, value)
    needed = (key for key, option in known.groups.items() if option != "null")
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


def _check_parts(node: Any, where: str, groups: Mapping[str, str]) -> None:
    """Check the arguments of every part in plain data."""
    if isinstance(node, list):
        for i, item in enumerate(node):
            _check_parts(item, f"{where}[{i}]", groups)
    if not isinstance(node, dict):
        return
    target = node.get("_target_")
    takes = arguments(target) if isinstance(target, str) else None
    for key, value in node.items():
        name = f"{where}.{key}" if where else key
        if takes is not None and key not in _HYDRA:
            kind = takes.kinds.get(key, ANY if takes.is_open else None)
            if kind is None:
                raise ValueError(unknown(name, [f"{where}.{option}" for option in takes.kinds]))
            if isinstance(value, str) and name in groups and "str" not in kind.names:
                raise ValueError(f"{name} is a group: write {groups[name]}={value}")
            kind.check(name, value)
        _check_parts(value, name, groups)


def _add(path: Path, settings: dict[str, Kind], groups: dict[str, str]) -> None:
    """Add the keys of a yaml file."""
    choices, others = entries(path)
    groups |= dict(entry.text.split("=", 1) for entry in choices)
    for entry in others:
        key, _, default = entry.text.partition("=")
        annotation = _KINDS.get(key)
        settings[key] = (
            default_kind(yaml.safe_load(default))
            if annotation is None
            else kind_of(ast.parse(annotation, mode="eval").body)
        )


def _files(path: Path) -> Iterator[Path]:
    """A yaml file, after those beside it that its defaults name."""
    for entry in (yaml.safe_load(path.read_text()) or {}).get("defaults", []):
        if isinstance(entry, str) and entry != "_self_" and "/" not in entry:
            yield from _files(path.with_name(f"{entry}.yaml"))
    yield path
