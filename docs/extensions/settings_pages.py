"""Pages of the settings reference: one for each folder of `conf/`.

A setting's meaning is the comment on its line of yaml; where there is none, what the class that
the yaml builds says of the argument of that name.
"""

from __future__ import annotations

import importlib
import inspect
import re
from collections.abc import Iterator
from pathlib import Path
from typing import NamedTuple

_LINE = re.compile(
    r"^(?P<indent> *)(?P<key>[\w/@.]+):(?P<value>.*?)(?:(?:^|\s)#\s*(?P<note>.*))?$"
)
_SECTION = re.compile(r"^(Args|Attributes):$")
_CHOICE = re.compile(
    r"^  - (?:override )?(?P<root>/?)(?P<group>[\w/@.]+): (?P<value>[^#]*)(?:#\s*(?P<note>.*))?$"
)
# Commands beside `train`, whose page has the settings of tasks too.
_COMMANDS = ("sample", "score", "translate")
_ARGUMENT = re.compile(r"^    (?P<names>[\w, *]+): (?P<text>.*)$")


class Setting(NamedTuple):
    """A line of yaml: dotted key, value as it is written, and comment."""

    key: str
    value: str
    note: str


def pages(conf: Path) -> dict[str, str]:
    """The text of each page by its file name."""
    folders = sorted(path for path in conf.iterdir() if path.is_dir())
    folders = [path for path in folders if path.name not in ("hydra", "experiment", "task")]
    texts = {f"{folder.name}.md": _folder_page(conf, folder) for folder in folders}
    texts["train.md"] = _script_page(conf, "train", ("task",))
    texts |= {f"{name}.md": _script_page(conf, name, ()) for name in _COMMANDS}
    texts["experiment.md"] = _experiments(conf / "experiment")
    texts["index.md"] = _index(
        ["train", *_COMMANDS, "experiment", *(path.name for path in folders)]
    )
    return texts


def _index(names: list[str]) -> str:
    listed = "\n".join(names)
    return (
        "# Settings reference\n\n"
        "Made from the files of `conf/` and the docstrings of the classes they build. "
        "`group=option` chooses an option, `group.key=value` changes one of its settings, and "
        "`--cfg job` prints the whole configuration without running it.\n\n"
        f"```{{toctree}}\n:maxdepth: 1\n\n{listed}\n```\n"
    )


def _script_page(conf: Path, script: str, folders: tuple[str, ...]) -> str:
    """The settings of a script that belong to no group."""
    text = f"# `interpolants {script}`\n\n{_table(conf / f'{script}.yaml', '')}"
    for folder in folders:
        for file in sorted((conf / folder).glob("*.yaml")):
            text += f"\n## `{folder}={file.stem}`\n\n{_header(file)}\n\n{_table(file, '')}"
    return text


def _experiments(folder: Path) -> str:
    """The table of experiments with what their files say of them."""
    rows = [
        f"| `experiment={file.stem}` | {_cell(_header(file))} |"
        for file in sorted(folder.glob("*.yaml"))
    ]
    return (
        "# `experiment`\n\nAn experiment is a file of settings that belong together; any of them "
        "can still be changed on the command line.\n\n| setting | what it is |\n|---|---|\n"
        + "\n".join(rows)
        + "\n"
    )


def _folder_page(conf: Path, folder: Path) -> str:
    """The page of a folder: each group in it, each option of a group."""
    text = f"# `{folder.name}`\n"
    groups = sorted({file.parent for file in folder.rglob("*.yaml")})
    for group in groups:
        name = group.relative_to(conf).as_posix()
        level = "##" if group == folder else "###"
        text += f"\n## `{name}`\n" if group != folder else ""
        for file in sorted(group.glob("*.yaml")):
            text += f"\n{level} `{name}={file.stem}`\n\n{_option(file, name)}"
    return text


def _option(file: Path, group: str) -> str:
    """The section of an option: its class, its comment, and its settings."""
    targets = re.findall(r"^ *_target_: (\S+)$", file.read_text(), re.MULTILINE)
    target = next(iter(targets), "")
    text = ""
    if target.startswith("interpolants."):
        text += f"{{py:obj}}`~{target}`: {_summary(target)}\n\n"
    elif target:
        text += f"`{target}`\n\n"
    text += f"{header}\n\n" if (header := _header(file)) else ""
    bases = re.findall(r"^  - (\w+)$", file.read_text(), re.MULTILINE)
    for base in set(bases) - {"_self_"}:
        text += f"Starts from `{group}={base}`.\n\n"
    return text + _table(file, group, target)


def _header(file: Path) -> str:
    """The comment that opens a file."""
    lines = []
    for line in file.read_text().splitlines():
        if not line.startswith("#"):
            break
        if not line.startswith("# @package"):
            lines.append(line.lstrip("# "))
    return _code_words(" ".join(lines))


def _code_words(text: str) -> str:
    """The text with what looks like a setting as code."""
    text = re.sub(r"'([^'`]*=[^'`]*)'", r"`'\1'`", text)
    return re.sub(r"(?<![`'{\w.])([\w/@.]+=[\w./\[\]{}$-]*[\w\]])", r"`\1`", text)


def _cell(text: str) -> str:
    """The text without signs that Markdown would read."""
    return text.replace("|", "\\|").replace("*", "\\*").replace("<", "&lt;")


def _table(file: Path, group: str, target: str = "") -> str:
    """The table of the settings of a file in a group; empty where it has none."""
    meanings = _meanings(target)
    prefix = f"{group.replace('/', '.')}." if group else ""
    rows = []
    for setting in [*_choices(file, group), *_settings(file)]:
        name = setting.key.rstrip("=").rpartition("/")[2]
        note = setting.note or meanings.get(name, "")
        key = setting.key if setting.key.endswith("=") else prefix + setting.key
        rows.append(f"| `{key}` | `{setting.value}` | {_cell(_code_words(note))} |")
    if not rows:
        return ""
    return "| setting | default | meaning |\n|---|---|---|\n" + "\n".join(rows) + "\n"


def _choices(file: Path, group: str) -> Iterator[Setting]:
    """The choices of a defaults list, as they are written on a command line: `group=`."""
    for choice in filter(None, map(_CHOICE.match, file.read_text().splitlines())):
        name, _, place = choice["group"].partition("@")
        if not choice["root"] and group:
            name = f"{group}/{name}"
        if place and not place.startswith("_global_"):
            name += f"@{group.replace('/', '.')}.{place}" if group else f"@{place}"
        if name != "hydra":
            yield Setting(f"{name}=", choice["value"].strip(), choice["note"] or "")


def _settings(file: Path) -> Iterator[Setting]:
    """The settings of a yaml besides the choices of its defaults list."""
    stack: list[tuple[int, str]] = []
    above = ""
    for line in file.read_text().splitlines():
        if line.startswith("#"):
            continue
        if line.strip().startswith("#"):
            above = f"{above} {line.strip('# ')}".strip()
            continue
        match = _LINE.match(line)
        if match is None:
            continue
        depth, key, value = len(match["indent"]), match["key"], match["value"].strip()
        while stack and stack[-1][0] >= depth:
            stack.pop()
        note, above = f"{above} {match['note'] or ''}".strip(), ""
        dotted = ".".join([*(name for _, name in stack), key])
        if not value:
            stack.append((depth, key))
        elif not key.startswith("_") and value != "{}":
            yield Setting(dotted, value, note)


def _meanings(target: str) -> dict[str, str]:
    """Descriptions of arguments from the docstrings of a class, which override its bases'."""
    if not target.startswith("interpolants."):
        return {}
    module, _, name = target.rpartition(".")
    found = getattr(importlib.import_module(module), name)
    classes = inspect.getmro(found)[::-1] if inspect.isclass(found) else (found,)
    meanings: dict[str, str] = {}
    for each in classes:
        if each.__module__.startswith("interpolants."):
            meanings |= dict(_arguments(inspect.cleandoc(each.__doc__ or "")))
    return meanings


def _summary(target: str) -> str:
    """The first paragraph of the docstring of a class or function."""
    module, _, name = target.rpartition(".")
    text = inspect.getdoc(getattr(importlib.import_module(module), name)) or ""
    return _cell(" ".join(text.split("\n\n")[0].split()))


def _arguments(text: str) -> Iterator[tuple[str, str]]:
    """Names and descriptions of the arguments and attributes of a docstring."""
    inside, names, words = False, "", ""
    for line in [*text.splitlines(), "end"]:
        start = _ARGUMENT.match(line) if inside else None
        if start or (line and not line.startswith(" ")):
            yield from ((name.strip("* "), words) for name in names.split(",") if words)
            names, words = "", ""
        if line and not line.startswith(" "):
            inside = bool(_SECTION.match(line))
        elif start:
            names, words = start["names"], start["text"]
        elif inside and line.strip():
            words = f"{words} {line.strip()}"
