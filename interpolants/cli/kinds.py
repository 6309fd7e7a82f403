"""Kinds of plain values that an annotation allows."""

from __future__ import annotations

import ast
from collections.abc import Iterable
from typing import Any, NamedTuple

from interpolants.cli.definitions import find
from interpolants.utils.checks import check

# Kinds, as they read after the word "expected".
_WORDS = {
    "bool": "true or false",
    "int": "a whole number",
    "float": "a number",
    "str": "a string",
    "list": "a list",
    "part": "a part with _target_",
    "null": "null",
}
_NAMES = {"bool": "bool", "int": "int", "float": "float", "str": "str", "Path": "str"}
_LISTS = {"list", "List", "tuple", "Tuple", "Sequence", "Iterable", "Collection"}
# What Hydra builds from a part, and what cannot be written in a configuration.
_PARTS, _NEVER = {"Callable", "type", "Type"}, {"Tensor", "timedelta"}


class Kind(NamedTuple):
    """Plain values that an argument takes.

    Attributes:
        names: some of `_WORDS`, "any", and literal values as Python writes them.
        items: kind of the items of a list.
    """

    names: frozenset[str]
    items: Kind | None = None

    def check(self, where: str, value: Any) -> None:
        """Require a value of this kind.

        Args:
            where: setting that has the value.
            value: plain data.

        Raises:
            ValueError: if it is of another kind.
        """
        if "any" in self.names:
            return
        if isinstance(value, list) and "list" in self.names:
            for i, item in enumerate(value):
                (self.items or ANY).check(f"{where}[{i}]", item)
            return
        words = [word for name, word in _WORDS.items() if name in self.names]
        rule = " or ".join([*words, *sorted(self.names - set(_WORDS))])
        fits = bool(self.names & {*_kinds_of(value), repr(value)})
        check(fits, where, rule, value, self._fix(where, value))

    def _fix(self, where: str, value: Any) -> str:
        if isinstance(value, float) and value.is_integer() and "int" in self.names:
            return f"write {int(value)}"
        is_word = "str" in self.names and not self.names & {"int", "float"}
        is_number = isinstance(value, (int, float)) and not isinstance(value, bool)
        return f"quote it: '{where}=\"{value}\"'" if is_number and is_word else ""


ANY = Kind(frozenset({"any"}))


def kind_of(annotation: ast.expr, module: str = "") -> Kind:
    """Kind of an annotation; any, if it is not understood.

    Args:
        annotation: its expression.
        module: where it stands, and its names are looked up.
    """
    match annotation:
        case ast.Constant(value=None):
            return Kind(frozenset({"null"}))
        case ast.Constant(value=str(text)):
            return kind_of(ast.parse(text, mode="eval").body, module)
        case ast.BinOp(left=left, op=ast.BitOr(), right=right):
            return _union([kind_of(left, module), kind_of(right, module)])
        case ast.Subscript(value=head, slice=inner):
            return _subscript(_last(head), inner, head, module)
        case ast.Name() | ast.Attribute():
            return _named(annotation, module)
    return ANY


def default_kind(value: Any) -> Kind:
    """Kind of the values that may replace a default; any for null."""
    name = "part" if isinstance(value, dict) else type(value).__name__
    return ANY if value is None else Kind(frozenset({name}), ANY)


def _subscript(name: str, inner: ast.expr, head: ast.expr, module: str) -> Kind:
    parts = inner.elts if isinstance(inner, ast.Tuple) else [inner]
    if name == "Annotated":
        return kind_of(parts[0], module)
    if name == "Literal":
        return Kind(frozenset(ast.unparse(part) for part in parts))
    if name in ("Union", "Optional"):
        null = [Kind(frozenset({"null"}))] if name == "Optional" else []
        return _union([*(kind_of(part, module) for part in parts), *null])
    if name in _LISTS:
        dots = ast.Constant(value=...)
        items = [kind_of(part, module) for part in parts if ast.dump(part) != ast.dump(dots)]
        return Kind(frozenset({"list"}), _union(items))
    return _named(head, module)


def _named(node: ast.expr, module: str) -> Kind:
    name = _last(node)
    if name in _NAMES:
        return Kind(frozenset({_NAMES[name]}))
    if name in _LISTS:
        return Kind(frozenset({"list"}), ANY)
    if name in _PARTS:
        return Kind(frozenset({"part"}))
    if name in _NEVER:
        return Kind(frozenset())
    found = find(f"{module}.{name}") if isinstance(node, ast.Name) and module else None
    if found is None or isinstance(found.node, ast.FunctionDef):
        return ANY
    if isinstance(found.node, ast.ClassDef):
        return Kind(frozenset({"part"}))
    return kind_of(found.node, found.module)


def _union(kinds: Iterable[Kind]) -> Kind:
    kinds = list(kinds)
    items = [kind.items for kind in kinds if kind.items is not None]
    return Kind(frozenset().union(*(k.names for k in kinds)), _union(items) if items else None)


def _kinds_of(value: Any) -> set[str]:
    if isinstance(value, bool):
        return {"bool"}
    if isinstance(value, int):
        return {"int", "float"}
    known = {float: "float", str: "str", list: "list", dict: "part", type(None): "null"}
    return {known.get(type(value), "any")}


def _last(node: ast.expr) -> str:
    """Last part of a dotted name."""
    match node:
        case ast.Name(id=name) | ast.Attribute(attr=name):
            return name
    return ""
