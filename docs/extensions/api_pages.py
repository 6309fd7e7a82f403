"""Pages of the API reference: one for each package, from the docstrings of its modules.

Only names are looked up here, without importing anything; autodoc fills in what they document.
"""

from __future__ import annotations

import ast
from pathlib import Path

from docstrings import escaped


def pages(root: Path) -> dict[str, str]:
    """The text of each page by its file name; `root` is the folder of the package."""
    packages = sorted(path.parent for path in root.rglob("__init__.py"))
    rooms = [folder for folder in packages if folder.parent == root]
    texts = {"index.rst": _index(root, rooms)}
    for folder in packages[1:]:
        inner = [other for other in packages if other.parent == folder]
        texts[f"{_name(root, folder)}.rst"] = _page(root, folder, inner)
    return texts


def _name(root: Path, path: Path) -> str:
    """The dotted name of a module or package."""
    parts = path.relative_to(root.parent).with_suffix("").parts
    return ".".join(parts)


def _first_line(text: str | None) -> str:
    """The first paragraph of a docstring, on one line, escaped."""
    paragraph = (text or "").strip().split("\n\n")[0]
    return escaped(" ".join(paragraph.split()))


def _public(file: Path) -> list[tuple[str, str]]:
    """Public classes and functions of a module, with the first paragraph of their docstrings."""
    tree = ast.parse(file.read_text())
    kinds = (ast.ClassDef, ast.FunctionDef)
    found = [node for node in tree.body if isinstance(node, kinds)]
    return [
        (node.name, _first_line(ast.get_docstring(node)))
        for node in found
        if not node.name.startswith("_") and ast.get_docstring(node)
    ]


def _summary(file: Path) -> str:
    """The first paragraph of a module's docstring."""
    return _first_line(ast.get_docstring(ast.parse(file.read_text())))


def _title(text: str, line: str = "=") -> str:
    return f"{text}\n{line * len(text)}\n"


def _index(root: Path, rooms: list[Path]) -> str:
    """The list of packages."""
    rows = [
        f"   * - :doc:`{_name(root, room)}`\n     - {_summary(room / '__init__.py')}"
        for room in rooms
    ]
    names = "\n".join(f"   {_name(root, room)}" for room in rooms)
    return (
        _title("API reference")
        + "\nMade from the docstrings. Import a class from its package, such as\n"
        "``from interpolants.sampler.solver import Heun``; common ones from ``interpolants``.\n"
        f"\n.. list-table::\n   :widths: 30 70\n\n{chr(10).join(rows)}\n"
        f"\n.. toctree::\n   :hidden:\n\n{names}\n"
    )


def _page(root: Path, folder: Path, inner: list[Path]) -> str:
    """The page of a package: a table of what is public, then each module."""
    name = _name(root, folder)
    text = _title(name) + f"\n.. automodule:: {name}\n   :no-members:\n   :no-index:\n"
    files = sorted(file for file in folder.glob("*.py") if file.stem != "__init__")
    files = [file for file in files if not file.stem.startswith("_") and _public(file)]
    rows = [
        f"   * - :py:obj:`~{_name(root, file)}.{member}`\n     - {line}"
        for file in files
        for member, line in _public(file)
    ]
    if rows:
        text += f"\n.. list-table::\n   :widths: 30 70\n\n{chr(10).join(rows)}\n"
    if inner:
        names = "\n".join(f"   {_name(root, package)}" for package in inner)
        text += f"\n.. toctree::\n   :caption: Packages inside\n\n{names}\n"
    for file in files:
        module = _name(root, file)
        text += f"\n{_title(module, '-')}\n.. automodule:: {module}\n   :members:\n"
        text += "   :show-inheritance:\n"
    return text
