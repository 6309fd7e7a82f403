"""What the README and the pages of the documentation show: code, command lines, settings."""

from __future__ import annotations

import re
import shlex
from collections.abc import Iterator
from pathlib import Path

from helpers.compose import ROOT

README = ROOT / "README.md"
PAGES = [README, *sorted((ROOT / "docs").glob("*.md")), *sorted((ROOT / "docs/guides").glob("*"))]

_FENCED = re.compile(r"^```(\w*)\n(.*?)^```$", re.MULTILINE | re.DOTALL)
_SCRIPT = re.compile(
    r"(?:^|[ /])(?:interpolants |python |\d )(train|sample|score|translate)(?:\.py)?( .*|$)"
)


def blocks(language: str, page: Path = README) -> list[str]:
    """The fenced blocks of a language, in order."""
    return [text for name, text in _FENCED.findall(page.read_text()) if name == language]


def command_lines(page: Path = README) -> list[tuple[str, ...]]:
    """The command, such as `train`, and the arguments of each command line in code blocks."""
    return [
        (match.group(1), *shlex.split(match.group(2), comments=True))
        for match in map(_SCRIPT.search, _code_lines(page))
        if match
    ]


def _code_lines(page: Path) -> Iterator[str]:
    """Lines of code, those that end with a backslash joined with the next."""
    text = page.read_text().replace("\\\n", " ")
    for _, block in _FENCED.findall(text):
        yield from block.splitlines()
    yield from (line for line in _FENCED.sub("", text).splitlines() if line.startswith("    "))


def table_settings(page: Path = README) -> list[tuple[str, ...]]:
    """The settings in the second column of tables, of each row that has some."""
    rows = re.findall(r"^\|[^|\n]*\| (`[^|`\n]*=[^|`\n]*`) \|$", page.read_text(), re.MULTILINE)
    return [tuple(shlex.split(row.strip("`"))) for row in rows]
