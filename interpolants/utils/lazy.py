"""Names that a package exports, imported on first use.

A family of parts exports the public classes of its modules, which are found by reading the
modules' text; so a new module needs no entry anywhere, and importing a package imports none of
them.
"""

from __future__ import annotations

import importlib
import re
import sys
from collections.abc import Callable, Mapping
from functools import cache
from pathlib import Path
from typing import Any

_CLASS = re.compile(r"^class ([A-Za-z]\w*)[(:\[]", re.MULTILINE)

Hooks = tuple[Callable[[str], Any], Callable[[], list[str]]]
"""A package's `__getattr__` and `__dir__`."""


def family(package: str, *functions: str) -> Hooks:
    """Export the public classes of a package's modules, and some functions.

    Args:
        package: its `__name__`.
        functions: as `module.function`, the module below the package.
    """
    return _hooks(package, _homes(functions), own_classes=True)


def names(package: str, *entries: str) -> Hooks:
    """Export chosen names.

    Args:
        package: its `__name__`.
        entries: as `module.name`, the module below the package.
    """
    return _hooks(package, _homes(entries), own_classes=False)


def _homes(entries: tuple[str, ...]) -> Mapping[str, str]:
    """The module of each name."""
    split = (entry.rpartition(".") for entry in entries)
    return {name: module for module, _, name in split}


def _hooks(package: str, chosen: Mapping[str, str], own_classes: bool) -> Hooks:
    def homes() -> Mapping[str, str]:
        return {**_classes(package), **chosen} if own_classes else chosen

    def find(name: str) -> Any:
        if name == "__all__":
            return sorted(homes())
        # Python and its tools ask for many names with an underscore, none of which is a class.
        module = chosen.get(name) or (None if name.startswith("_") else homes().get(name))
        if module is None:
            raise AttributeError(f"module {package!r} has no attribute {name!r}")
        value = getattr(importlib.import_module(f"{package}.{module}"), name)
        setattr(sys.modules[package], name, value)
        return value

    def names_of_package() -> list[str]:
        return sorted({*vars(sys.modules[package]), *homes()})

    return find, names_of_package


@cache
def _classes(package: str) -> Mapping[str, str]:
    """The module of each public class."""
    (folder,) = sys.modules[package].__path__
    return {
        name: path.stem
        for path in sorted(Path(folder).glob("[!_]*.py"))
        for name in _CLASS.findall(path.read_text(encoding="utf-8"))
    }
