"""Arguments of classes and functions, read from their sources."""

from __future__ import annotations

import ast
from collections.abc import Iterator, Mapping
from functools import cache
from typing import NamedTuple

from interpolants.cli.definitions import Definition, find
from interpolants.cli.kinds import ANY, Kind, kind_of

_EMPTY = {"ABC", "Generic", "Protocol", "object"}


class Arguments(NamedTuple):
    """Arguments that a class or function takes.

    Attributes:
        kinds: kind of each, by name.
        is_open: whether it takes any others.
    """

    kinds: Mapping[str, Kind]
    is_open: bool = False


@cache
def arguments(target: str) -> Arguments | None:
    """Arguments of what a `_target_` names; None if its source does not have them.

    Nothing is imported, so that a wrong argument is refused before torch is loaded.
    """
    found = find(target)
    return None if found is None else _of(found)


def _of(found: Definition) -> Arguments | None:
    node, module = found
    if isinstance(node, ast.FunctionDef):
        return _of_function(node, module, bound=False)
    if not isinstance(node, ast.ClassDef):
        return None
    for method in node.body:
        if isinstance(method, ast.FunctionDef) and method.name == "__init__":
            return _of_function(method, module, bound=True)
    bases = _bases(found)
    if _is_dataclass(node):
        return Arguments(dict(_fields(found)), is_open=None in bases)
    known = (None if base is None else _of(base) for base in bases)
    return next(known, None)


def _of_function(node: ast.FunctionDef, module: str, bound: bool) -> Arguments:
    given = node.args
    all_of = [*given.posonlyargs, *given.args][bound:] + given.kwonlyargs
    kinds = {
        argument.arg: ANY if argument.annotation is None else kind_of(argument.annotation, module)
        for argument in all_of
    }
    return Arguments(kinds, given.kwarg is not None)


def _fields(found: Definition) -> Iterator[tuple[str, Kind]]:
    """Fields of a dataclass, after those of its bases."""
    node, module = found
    if not isinstance(node, ast.ClassDef) or not _is_dataclass(node):
        return
    for base in filter(None, _bases(found)):
        yield from _fields(base)
    for each in node.body:
        if isinstance(each, ast.AnnAssign) and isinstance(each.target, ast.Name):
            text = ast.unparse(each)
            if "ClassVar" not in text and "init=False" not in text:
                yield each.target.id, kind_of(each.annotation, module)


def _bases(found: Definition) -> list[Definition | None]:
    """Base classes, None for one whose source is not found; without those that take nothing."""
    node, module = found
    names = [
        base.value if isinstance(base, ast.Subscript) else base
        for base in (node.bases if isinstance(node, ast.ClassDef) else ())
    ]
    return [
        find(f"{module}.{name.id}") if isinstance(name, ast.Name) else None
        for name in names
        if ast.unparse(name).rpartition(".")[2] not in _EMPTY
    ]


def _is_dataclass(node: ast.ClassDef) -> bool:
    return any("dataclass" in ast.unparse(decorator) for decorator in node.decorator_list)
