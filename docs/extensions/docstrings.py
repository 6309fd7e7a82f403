"""Docstrings of this package as reStructuredText.

They are written for a terminal: `name` is code, x* and |x| are mathematics, and an indented block
is an equation or a listing. In reStructuredText these signs are markup, so they are escaped here
before Napoleon reads the sections of a docstring.
"""

from __future__ import annotations

import re

from sphinx.application import Sphinx

_SECTION = re.compile(r"^(Args|Arguments|Attributes|Returns|Raises|Yields|Note|Example)s?:$")
_CODE = re.compile(r"(`[^`]+`)")


def escaped(line: str) -> str:
    """The line with code between double backquotes, and no other markup."""
    parts = _CODE.split(line)
    for index, part in enumerate(parts):
        if index % 2:
            # A letter right after the closing quotes needs an escaped space between.
            parts[index] = f"`{part}`" + ("\\ " if parts[index + 1][:1].isalnum() else "")
        else:
            part = re.sub(r"([*|\\])", r"\\\1", part)
            parts[index] = re.sub(r"(?<=\w)_(?!\w)", r"\\_", part)
    return "".join(parts)


def translated(lines: list[str]) -> list[str]:
    """The lines of a docstring, its indented blocks as literal blocks."""
    result: list[str] = []
    in_section = in_block = False
    for line in lines:
        is_indented = line.startswith("    ")
        in_section = bool(_SECTION.match(line)) or (in_section and (is_indented or not line))
        if not is_indented and line:
            in_block = False
        starts = is_indented and not in_section and result and not result[-1] and not in_block
        if starts:
            in_block = True
            result += ["::", ""]
        result.append(line if in_block else escaped(line))
    return result


def _process(
    app: Sphinx, what: str, name: str, obj: object, options: object, lines: list[str]
) -> None:
    """Rewrite the lines of a docstring in place."""
    lines[:] = translated(lines)


def setup(app: Sphinx) -> dict[str, bool]:
    """Run before Napoleon, whose priority is the default of 500."""
    app.connect("autodoc-process-docstring", _process, priority=400)
    return {"parallel_read_safe": True, "parallel_write_safe": True}
