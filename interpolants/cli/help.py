"""The text of `--help`: settings and choices as the yaml files have them, with their comments."""

from __future__ import annotations

import re
from collections import defaultdict
from collections.abc import Iterator, Sequence, Set
from pathlib import Path
from typing import NamedTuple

_WIDTH = 99
_CHOICE = re.compile(r"^  - (?P<key>/?\w+): (?P<value>.*?)(?: # (?P<comment>.*))?$")
_SETTING = re.compile(r"^(?P<key>\w+): (?P<value>.*?)(?: # (?P<comment>.*))?$")
# Groups that are no choice of a command, but of one of its choices.
_PARTS = {"metric": "features"}
_ENDING = """\
Options of Hydra:

  --cfg job         print the whole configuration and stop
  -m, --multirun    run every combination of values given as key=a,b
  --config-dir DIR  another folder of your own yaml files, beside conf/ in the working folder"""


class Entry(NamedTuple):
    """A setting or choice: as it is typed, and what it means."""

    text: str
    comment: str


def help_text(name: str, folders: Sequence[Path]) -> str:
    """The help text of a command.

    Args:
        name: the command, which is also the name of its yaml file.
        folders: of yaml files; the first has the command's own, the others are the user's.
    """
    choices, settings = entries(folders[0] / f"{name}.yaml")
    known = {choice.text.partition("=")[0] for choice in choices}
    known |= {part for choice, part in _PARTS.items() if choice in known}
    parts = [
        f"interpolants {name} [key=value] [group=option] ...",
        f"Choices and their defaults:\n\n{_table(choices)}",
        f"Settings and their defaults:\n\n{_table(settings)}",
    ]
    if any(choice.text.startswith("task=") for choice in choices):
        for path in sorted((folders[0] / "task").glob("*.yaml")):
            chosen, changed = entries(path)
            known |= {choice.text.partition("=")[0] for choice in chosen}
            parts.append(f"With task={path.stem}:\n\n{_table([*chosen, *changed])}")
    listed = "\n".join(_options(folders, known))
    parts.append(f"Options of every group (group=option):\n\n{listed}")
    return "\n\n".join([*parts, _ENDING])


def entries(path: Path) -> tuple[list[Entry], list[Entry]]:
    """Choices and settings of a yaml file; parts that only Hydra reads are left out."""
    lines = path.read_text().splitlines()
    found = [
        [
            Entry(f"{match['key'].lstrip('/')}={match['value']}", match["comment"] or "")
            for match in map(pattern.match, lines)
            if match and match["key"] != "hydra" and match["value"] != "{}"
        ]
        for pattern in (_CHOICE, _SETTING)
    ]
    return found[0], found[1]


def _table(rows: Sequence[Entry]) -> str:
    # A long default stands out of its column rather than widen it.
    width = min(max((len(row.text) for row in rows), default=0), 34)
    return "\n".join(f"  {row.text:{width}}  {row.comment}".rstrip() for row in rows)


def _options(folders: Sequence[Path], known: Set[str]) -> Iterator[str]:
    """The options of each group that the command takes, in lines of limited width."""
    groups: dict[str, set[str]] = defaultdict(set)
    for folder in folders:
        for path in folder.glob("*/**/*.yaml"):
            parent = path.parent.relative_to(folder)
            if parent.parts[0] in known or folder != folders[0]:
                groups[parent.as_posix()].add(path.stem)
    for group, options in sorted(groups.items()):
        line = f"  {group}:"
        for option in sorted(options):
            if len(line) + len(option) + 1 > _WIDTH:
                yield line
                line = "     "
            line += f" {option}"
        yield line
