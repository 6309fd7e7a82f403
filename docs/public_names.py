"""Writes docs/public.md, the index of public classes: `python docs/public_names.py`."""

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


def page() -> str:
    """The text of the page."""
    parts = [_HEAD]
    packages = (p.parent for p in (ROOT / "interpolants").rglob("__init__.py"))
    for folder in sorted(p for p in packages if p.name != "cli"):
        rows = sorted(_classes(folder))
        if rows:
            package = ".".join(folder.relative_to(ROOT).parts)
            table = "\n".join(f"| `{name}` | {text} |" for name, text in rows)
            parts.append(f"\n## `{package}`\n\n| class | |\n|---|---|\n{table}\n")
    return "".join(parts)


def _classes(folder: Path) -> Iterator[tuple[str, str]]:
    """Name and first line of the docstring of the public classes of a package's own modules."""
    for path in folder.glob("[!_]*.py"):
        for node in ast.parse(path.read_text(encoding="utf-8")).body:
            if isinstance(node, ast.ClassDef) and not node.name.startswith("_"):
                first = (ast.get_docstring(node) or "").partition("\n")[0]
                yield node.name, first.replace("|", "\\|")


if __name__ == "__main__":
    PAGE.write_text(page(), encoding="utf-8")
