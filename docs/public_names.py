"""Writes what follows from the public names: `python docs/public_names.py`.

That is `docs/public.md`, the index of public classes, and an `__init__.pyi` in every package that
exports names, from which type checkers and editors know them: they do not run the code by which
Python finds them.
"""

from __future__ import annotations

import ast
from collections.abc import Iterator
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
PAGE = ROOT / "docs" / "public.md"
_HEAD = """\
# Public names

Every public class by its package, from which it is imported: `from interpolants.net import MLP`.
Made from the docstrings by `python docs/public_names.py`; a test holds it up to date.
"""
_STUB = """\
# Exported names, for type checkers. Made by `python docs/public_names.py`; a test compares them.
# fmt: off
# ruff: noqa
"""


def files() -> dict[Path, str]:
    """The text of every file that is written."""
    stubs = ((folder / "__init__.pyi", _stub(folder)) for folder in _packages())
    return {PAGE: page()} | {path: text for path, text in stubs if text != _STUB}


def page() -> str:
    """The text of the index."""
    parts = [_HEAD]
    for folder in _packages():
        rows = sorted((name, text) for name, _, text in _classes(folder))
        if rows:
            package = ".".join(folder.relative_to(ROOT).parts)
            table = "\n".join(f"| `{name}` | {text} |" for name, text in rows)
            parts.append(f"\n## `{package}`\n\n| class | |\n|---|---|\n{table}\n")
    return "".join(parts)


def _packages() -> list[Path]:
    """Folders of the packages, without the commands, which export nothing."""
    folders = (path.parent for path in (ROOT / "interpolants").rglob("__init__.py"))
    return sorted(folder for folder in folders if folder.name != "cli")


def _stub(folder: Path) -> str:
    """The text of a package's `__init__.pyi`, which imports what the package exports."""
    exported = []
    for call in ast.walk(ast.parse((folder / "__init__.py").read_text(encoding="utf-8"))):
        if isinstance(call, ast.Call) and ast.unparse(call.func) in ("family", "names"):
            entries = [ast.literal_eval(entry) for entry in call.args[1:]]
            exported += [entry.rpartition(".")[::2] for entry in entries]
            if ast.unparse(call.func) == "family":
                exported += [(module, name) for name, module, _ in _classes(folder)]
    lines = (f"from .{module} import {name} as {name}\n" for module, name in sorted(exported))
    return _STUB + "".join(lines)


def _classes(folder: Path) -> Iterator[tuple[str, str, str]]:
    """Public classes of a package's own modules: name, module and first line of the docstring."""
    for path in folder.glob("[!_]*.py"):
        for node in ast.parse(path.read_text(encoding="utf-8")).body:
            if isinstance(node, ast.ClassDef) and not node.name.startswith("_"):
                first = (ast.get_docstring(node) or "").partition("\n")[0]
                yield node.name, path.stem, first.replace("|", "\\|")


if __name__ == "__main__":
    for path, text in files().items():
        path.write_text(text, encoding="utf-8")
