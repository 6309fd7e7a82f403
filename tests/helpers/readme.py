"""Code and command lines in README.md."""

from __future__ import annotations

import re
import shlex
from collections.abc import Iterator

from helpers.compose import ROOT

_FENCED = re.compile(r"^```(\w*)\n(.*?)^```$", re.MULTILINE | re.DOTALL)
_SCRIPT = re.compile(r"(?:^|[ /])python (train|sample)\.py(.*)")


def blocks(language: str) -> list[str]:
    """The fenced blocks of a language, in order."""
    found = _FENCED.findall((ROOT / "README.md").read_text())
    return [text for name, text in found if name == language]


def command_lines() -> list[tuple[str, ...]]:
    """The script, `train` or `sample`, and the arguments of each command line in code blocks."""
    return [
        (match.group(1), *shlex.split(match.group(2), comments=True))
        for match in map(_SCRIPT.search, _code_lines())
        if match
    ]


def _code_lines() -> Iterator[str]:
    text = (ROOT / "README.md").read_text()
    for _, block in _FENCED.findall(text):
        yield from block.splitlines()
    yield from (line for line in _FENCED.sub("", text).splitlines() if line.startswith("    "))
