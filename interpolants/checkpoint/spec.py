"""Construction of objects from plain data, as in checkpoints.

A spec is a dict with `_target_: "package.module.Class"` whose other entries are the arguments:
numbers, strings, booleans, None, lists and further specs. A spec from a file is data, never code:
it can name only classes of this package, so that loading a file runs no code of its author.
"""

from __future__ import annotations

import functools
import importlib
import re
from collections.abc import Mapping, Sequence
from typing import Any

from interpolants.utils.checks import check

_PACKAGE = "interpolants"
# Classes of these modules write files, or start runs, when they are built.
_EXCLUDED = ("interpolants.training", "interpolants.cli")
_DOTTED_NAME = re.compile(r"[A-Za-z_]\w*(\.[A-Za-z_]\w*)+", re.ASCII)
_TARGET, _PARTIAL = "_target_", "_partial_"


def build(
    spec: Mapping[str, Any], *, trust: Sequence[str] = (), where: str = "", **extra: Any
) -> Any:
    """Build the object that `spec` describes.

    Args:
        spec: nested plain data with a `_target_`; with `_partial_: true` the result is a
            `functools.partial` of the class instead of an object.
        trust: modules outside this package whose classes, and those of their submodules, the
            spec may name as well. They are imported, so name only code that you trust.
        where: key of the spec, which is prefixed to error messages.
        extra: further arguments of the outermost class, which override those of the spec.

    Raises:
        ValueError: with the path of the key, if a target is not a class defined in exactly the
            module that it names, a value is not plain data, or a constructor raises.
    """
    check(not isinstance(trust, str), "build.trust", "a list of module names", trust)
    return _build_node(spec, where, tuple(trust), extra)


def _build_node(
    spec: Mapping[str, Any], path: str, trust: tuple[str, ...], extra: Mapping[str, Any]
) -> Any:
    check(
        isinstance(spec, dict) and _TARGET in spec,
        path or "build.spec",
        f"a dict with {_TARGET}",
        list(spec) if isinstance(spec, dict) else type(spec).__name__,
    )
    cls = _find_class(spec[_TARGET], _join(path, _TARGET), trust)
    is_partial = spec.get(_PARTIAL, False)
    check(isinstance(is_partial, bool), _join(path, _PARTIAL), "true or false", is_partial)
    arguments: dict[str, Any] = {}
    for key, value in spec.items():
        if key not in (_TARGET, _PARTIAL):
            is_argument = type(key) is str and key.isidentifier() and not key.startswith("_")
            check(is_argument, _join(path, str(key)), "the name of an argument", key)
            arguments[key] = _build_value(value, _join(path, key), trust)
    arguments.update(extra)
    if is_partial:
        return functools.partial(cls, **arguments)
    try:
        return cls(**arguments)
    except (TypeError, ValueError) as error:
        raise ValueError(f"{path}: {error}" if path else str(error)) from error


def _build_value(value: Any, path: str, trust: tuple[str, ...]) -> Any:
    if isinstance(value, dict):
        return _build_node(value, path, trust, {})
    if type(value) in (list, tuple):
        items = [_build_value(item, f"{path}[{i}]", trust) for i, item in enumerate(value)]
        return type(value)(items)
    check(
        value is None or type(value) in (bool, int, float, str),
        path,
        "a number, a string, true, false, null, a list or a nested spec",
        type(value).__name__,
    )
    check(
        not (isinstance(value, str) and "${" in value),
        path,
        "a plain string",
        value,
        "resolve interpolations before saving",
    )
    return value


def _find_class(target: object, path: str, trust: tuple[str, ...]) -> type:
    """Import a class, after a check that its module is allowed."""
    module_name, name = _split_target(target, path, trust)
    found, reason = None, ""
    try:
        found = vars(importlib.import_module(module_name)).get(name)
    except ImportError as error:
        reason = str(error)
    # Names that a module merely imports, and attributes of its classes, are not allowed.
    is_defined_there = (
        isinstance(found, type) and found.__module__ == module_name and found.__qualname__ == name
    )
    check(is_defined_there, path, f"a class defined in {module_name}", target, reason)
    assert isinstance(found, type)
    return found


def _split_target(target: object, path: str, trust: tuple[str, ...]) -> tuple[str, str]:
    rule = f"a class defined in {_PACKAGE}"
    is_dotted = isinstance(target, str) and _DOTTED_NAME.fullmatch(target) is not None
    check(is_dotted, path, rule, target, "write package.module.Class")
    module_name, _, name = str(target).rpartition(".")
    if _is_below(module_name, trust):
        return module_name, name
    fix = f"pass trust=[{module_name!r}] only if you trust the file's author"
    check(_is_below(module_name, (_PACKAGE,)), path, rule, target, fix)
    rule = f"{rule} outside {' and '.join(_EXCLUDED)}"
    check(not _is_below(module_name, _EXCLUDED), path, rule, target)
    return module_name, name


def _is_below(module_name: str, roots: Sequence[str]) -> bool:
    return any(module_name == root or module_name.startswith(f"{root}.") for root in roots)


def _join(path: str, key: str) -> str:
    return f"{path}.{key}" if path else key
