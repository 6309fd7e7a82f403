"""Definitions of classes and functions in source files, found without importing anything."""

from __future__ import annotations

import ast
import importlib.util
import re
from collections.abc import Iterator
from functools import cache
from pathlib import Path
from typing import NamedTuple


class Definition(NamedTuple):
    """A definition in a source file.

    Attributes:
        node: the class, function, or value that is assigned to the name.
        module: dotted name of the module.
    """

    node: ast.ClassDef | ast.FunctionDef | ast.expr
    module: str


@cache
def find(target: str) -> Definition | None:
    """Definition of a dotted name, through the imports that lead to it.

    Args:
        target: such as `torch.optim.Adam`, which `torch.optim` imports from a module of its own.

    Returns:
        None if there is no such source, or it defines the name in some other way.
    """
    return _find(target, ())


def _find(target: str, before: tuple[str, ...]) -> Definition | None:
    """`find`, after the names that led to this one; a package may import a module from itself."""
    module, _, name = target.rpartition(".")
    path = None if target in before else _path(module)
    if path is None:
        return None
    for node in _statements(path):
        if isinstance(node, (ast.ClassDef, ast.FunctionDef)) and node.name == name:
            return Definition(node, module)
        if isinstance(node, ast.Assign) and name in map(_name, node.targets):
            return Definition(node.value, module)
        if isinstance(node, ast.ImportFrom):
            for alias in node.names:
                if name == (alias.asname or alias.name):
                    source = _source(node, module, path)
                    return _find(f"{source}.{alias.name}", (*before, target))
    return _in_family(module, name, path)


def is_module(target: str) -> bool:
    """True if a dotted name is a module, unless its package may export another thing by it."""
    path, package = _path(target), _path(target.rpartition(".")[0])
    if path is None or package is None or find(target) is not None:
        return False
    imports = (node for node in _statements(package) if isinstance(node, ast.ImportFrom))
    return all(alias.name != "*" for node in imports for alias in node.names)


def _in_family(module: str, name: str, path: Path) -> Definition | None:
    """Class that a package exports from one of its modules, as `interpolants.utils.lazy` does."""
    if path.name != "__init__.py" or not name[:1].isupper():
        return None
    line = re.compile(rf"^class {re.escape(name)}\b", re.MULTILINE)
    for sibling in sorted(path.parent.glob("[!_]*.py")):
        if line.search(sibling.read_text(encoding="utf-8")):
            return find(f"{module}.{sibling.stem}.{name}")
    return None


def _path(module: str) -> Path | None:
    """Source file of a module."""
    top, *rest = module.split(".")
    try:
        spec = importlib.util.find_spec(top)  # a submodule's would import its package
    except ValueError:  # of a module that was made by hand
        return None
    if spec is None:
        return None
    if not rest:
        return Path(spec.origin) if spec.origin and spec.origin.endswith(".py") else None
    stems = [Path(folder, *rest) for folder in spec.submodule_search_locations or ()]
    found = (path for stem in stems for path in (stem.with_suffix(".py"), stem / "__init__.py"))
    return next(filter(Path.is_file, found), None)


@cache
def _statements(path: Path) -> tuple[ast.stmt, ...]:
    """Statements of a file, with those below `if` and `try`; none if it cannot be parsed."""
    try:
        return tuple(_flat(ast.parse(path.read_bytes()).body))
    except (OSError, SyntaxError, ValueError):
        return ()


def _flat(body: list[ast.stmt]) -> Iterator[ast.stmt]:
    for node in body:
        yield node
        if isinstance(node, (ast.If, ast.Try)):
            yield from _flat(node.body)


def _source(node: ast.ImportFrom, module: str, path: Path) -> str:
    """Absolute name of the module that a statement imports from."""
    if not node.level:
        return node.module or ""
    parts = module.split(".")
    above = parts[: len(parts) - node.level + (path.name == "__init__.py")]
    return ".".join([*above, *([node.module] if node.module else [])])


def _name(node: ast.expr) -> str | None:
    return node.id if isinstance(node, ast.Name) else None
