"""Checks of the words of a command line, before Hydra reads them."""

from __future__ import annotations

import re
from collections.abc import Sequence
from pathlib import Path
from typing import NoReturn

from interpolants.cli.composed import Known, known_keys
from interpolants.training.settings import check_trainer
from interpolants.utils.checks import check

_OVERRIDE = re.compile(r"[+~]*(?P<key>\w+)(?:\.(?P<part>\w+))?[^=]*=(?P<value>.*)", re.DOTALL)


def check_words(command: str, folders: Sequence[Path], words: Sequence[str]) -> None:
    """Refuse options that Hydra lacks, and settings that another command or only Lightning has.

    Args:
        command: its name.
        folders: of yaml files; the first has those of the commands, the others are the user's.
        words: of the command line.

    Raises:
        ValueError: for the first fault.
    """
    known = known_keys(command, folders)
    others = {
        path.stem: known_keys(path.stem, folders)
        for path in sorted(folders[0].glob("*.yaml"))
        if path.stem != command
    }
    _check_options(known, words)
    for match in filter(None, map(_OVERRIDE.fullmatch, words)):
        key, part, value = match["key"], match["part"], match["value"]
        for other in (other for other, keys in others.items() if key in keys.keys):
            if key not in known.keys:
                rule = f"a setting of interpolants {command}, got one of interpolants {other}"
                raise ValueError(f"{key}: expected {rule}; leave it out")
        if part is None and key in known.settings and "part" in known.settings[key].names:
            rule = f"a setting of it, such as {key}.path={value}, got the whole"
            raise ValueError(f"{key}: expected {rule}; a trained model keeps its {key}")
        if key == "trainer" and key in known.groups and part is not None:
            check_trainer({part: value})
        _check_choice(known, match[0], key, value)


def _check_choice(known: Known, word: str, key: str, value: str) -> None:
    """Refuse values that are no names of options, of which Hydra does not say the group."""
    option = known.groups.get(key)
    is_choice = word == f"{key}={value}"
    fix = f"{key}=[] for none" if isinstance(option, list) else "see --help"
    is_none = option is not None and is_choice and value == "null"
    check(not is_none, key, "one of its options", None, fix)
    is_flag = key in known.groups and is_choice and value.lower() in ("true", "false")
    fix = "traceback=true shows that of an error" if key == "debug" else "see --help"
    check(not is_flag, key, "one of its options", value, fix)


def _check_options(known: Known, words: Sequence[str]) -> None:
    """Refuse options that Hydra does not have; its own message would be how it is used."""
    from hydra._internal.utils import get_args_parser

    parser = get_args_parser()
    parser.error = _refuse  # type: ignore[method-assign]
    left = parser.parse_known_args(words)[1]
    for word in left:
        option, _, value = word.partition("=")
        key = option.lstrip("-").replace("-", "_")
        if not word.startswith("-"):
            rule = "all settings side by side, got an option between them; write options first"
            raise ValueError(f"{word}: expected {rule}")
        value = value or next(iter(words[words.index(word) + 1 :]), "...")
        fix = f"write {key}={value}" if key in known.keys else "--help lists the options"
        raise ValueError(f"{option}: expected key=value, got an unknown option; {fix}")


def _refuse(message: str) -> NoReturn:
    raise ValueError(message)
