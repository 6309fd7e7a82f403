"""Error messages of the commands: one sentence with the setting, the rule, and the value."""

from __future__ import annotations

import difflib
import re
import sys
import traceback
from collections.abc import Iterable, Iterator
from typing import Any

from interpolants.utils.extras import missing

_PACKAGE = "interpolants"
# Lightning's own user error, known by name because Lightning is not imported here.
_USER_ERRORS = ("MisconfigurationException",)


class JobError(RuntimeError):
    """A job of a sweep failed; carries the sentence alone, so that it crosses processes."""


def report(error: Exception, with_traceback: bool, prefix: str = "") -> None:
    """Print a failure on stderr: one sentence, after the traceback if that is asked for."""
    if with_traceback:
        traceback.print_exception(error)
    print(f"error: {prefix}{sentence(error)}", file=sys.stderr)


def sentence(error: BaseException) -> str:
    """The message of an error in one line: setting, expected value, actual value."""
    # Hydra 1.4 leaves what a constructor raises as it is, and notes the config key on it.
    key = _found(r"^full_key: (.+)$", "\n".join(getattr(error, "__notes__", ())))
    return _own_sentence(error) if key is None else f"{key}: {_call_sentence(error)}"


def _own_sentence(error: BaseException) -> str:
    from hydra.errors import HydraException, InstantiationException, OverrideParseException
    from omegaconf.errors import OmegaConfBaseException

    if isinstance(error, InstantiationException):
        return _instantiation_sentence(error)
    if isinstance(error, OverrideParseException):
        return _override_sentence(str(error.override), str(error))
    if isinstance(error, (HydraException, OmegaConfBaseException)):
        return _composition_sentence(error)
    if isinstance(error, OSError) and error.filename is not None:
        return f"{error.filename}: {error.strerror}"
    is_expected = (
        isinstance(error, (ValueError, OSError))
        or type(error).__module__.partition(".")[0] in (_PACKAGE, "yaml")
        or type(error).__name__ in _USER_ERRORS
    )
    text = one_line(str(error)) or "no message"
    if is_expected:
        return text
    found = missing(error)
    return _unexpected(error) if found == str(error).partition("\n")[0] else found


def _unexpected(error: BaseException) -> str:
    text = one_line(str(error)) or "no message"
    return f"unexpected {type(error).__name__}: {text}; run with traceback=true for all of it"


def _override_sentence(word: str, text: str) -> str:
    """The message of a word that Hydra cannot read."""
    if "=" not in word:
        return f"{word}: expected key=value, got no value; write it without spaces"
    if word.endswith(","):
        return f"{word}: expected values after the comma, got none; remove the space behind it"
    fix = "quote a value that holds = or other signs: 'key=\"a=b\"'"
    # Hydra 1.4 says first in which of the overrides it is.
    reason = _found(r"^(?!Error when parsing)(.+)$", text)
    return f"{word}: expected key=value, got {reason}; {fix}"


def _instantiation_sentence(error: BaseException) -> str:
    """The message of a constructor's error that Hydra wrapped, after the config key."""
    text = str(error)
    key = _found(r"^full_key: (.+)$", text)
    prefix = f"{key}: " if key else ""
    target = _found(r"Error locating target '(.+?)'", text)
    if target is not None:
        cause = _root(error)
        return f"{prefix}expected an importable _target_, got {target!r}; {missing(cause)}"
    if text.startswith("Error in call to target") and error.__cause__ is not None:
        return prefix + _call_sentence(error.__cause__)
    return prefix + one_line(text)


def _call_sentence(error: BaseException) -> str:
    """The message of an error raised by a constructor."""
    is_wrong_call = isinstance(error, TypeError) and "argument" in str(error)
    return one_line(str(error)) if is_wrong_call else _own_sentence(error)


def _composition_sentence(error: BaseException) -> str:
    """The message of a configuration that cannot be composed, with the nearest valid name."""
    from hydra.errors import MissingConfigException
    from omegaconf.errors import ConfigAttributeError, ConfigKeyError

    cause = error.__cause__ or error
    text = str(error)
    missing = _found(r"Missing mandatory value: (\S+)", text)
    if missing is not None:
        key = getattr(cause, "full_key", None) or missing
        return f"{key}: expected a value, got nothing; set {key}=..."
    group = _found(r"You must specify '(.+?)'", text)
    if group is not None:
        options = [line.strip() for line in text.splitlines() if line.startswith("\t")]
        return f"{group}: expected one of {', '.join(options)}, got nothing; set {group}=..."
    if isinstance(error, MissingConfigException) and error.missing_cfg_file and error.options:
        group, _, name = error.missing_cfg_file.rpartition("/")
        fix = _suggestion(name, error.options)
        if group in ("hydra/launcher", "hydra/sweeper") and not fix:
            fix = "; others come with pip install 'interpolants[sweep]'"
        return f"{group}: expected one of {', '.join(error.options)}, got {name!r}{fix}"
    key = _found(r"Could not override '(.+?)'", text)
    if key is not None:
        return _unknown_override(key, cause)
    several = _found(r"Ambiguous value for argument '(.+?)'", text)
    if several is not None:
        key, _, values = several.partition("=")
        fix = f"add -m to run each of them, or write '{key}=[{values}]' for a list"
        return f"{key}: expected one value, got {values}; {fix}"
    twice = _found(r"^(\S+) appears more than once in the final defaults list", text)
    if twice is not None:
        return f"{twice}: expected one option, got two; write {twice}=... without +"
    if isinstance(cause, (ConfigAttributeError, ConfigKeyError)):
        # Asked for by the code of some part, not misspelt by the user.
        return _unexpected(cause)
    return one_line(text) or f"{type(cause).__name__}: {one_line(str(cause))}"


def unknown(key: str, options: Iterable[str]) -> str:
    """The message of an unknown key, with the option most like it."""
    fix = _suggestion(key, options) or "; list all keys with --cfg job"
    return f"{key}: expected an existing key, got an unknown one{fix}"


def _unknown_override(key: str, error: Any) -> str:
    """The message of an unknown key, among those beside the one that was not found."""
    from omegaconf import OmegaConf

    from interpolants.cli.arguments import arguments

    if not OmegaConf.is_config(getattr(error, "parent_node", None)):
        return unknown(key, [])
    node, (parent, dot, name) = error.parent_node, str(error.full_key).rpartition(".")
    target = node.get("_target_") if OmegaConf.is_dict(node) else None
    takes = arguments(target) if isinstance(target, str) else None
    if takes is not None and name in takes.kinds:
        fix = f"write +{key}=..."
        return f"{key}: expected a key of the configuration, got one that is not in it; {fix}"
    keys = list(_keys_below(OmegaConf.to_container(node), parent + dot))
    if not key.startswith("hydra"):
        keys = [k for k in keys if k != "hydra" and not k.startswith("hydra.")]
    return unknown(key, [k.replace(".", "/") for k in keys] if "/" in key else keys)


def _suggestion(name: str, options: Iterable[str]) -> str:
    """The option most like `name`, by what follows shared parents, or by its last part."""

    def likeness(option: str) -> float:
        first = name.rfind(".") + 1
        first = first if option.startswith(name[:first]) else 0
        whole = difflib.SequenceMatcher(None, name[first:], option[first:]).ratio()
        last = difflib.SequenceMatcher(None, _last_part(name), _last_part(option)).ratio()
        return max(whole, 0.95 * last)

    best = max(options, key=likeness, default=None)
    if best is None or likeness(best) < 0.6:
        return ""
    return f"; did you mean {best}?"


def _keys_below(node: Any, prefix: str) -> Iterator[str]:
    """Dotted paths of all keys below a plain dict, except those that only Hydra reads."""
    if isinstance(node, dict):
        for key, value in node.items():
            if not str(key).startswith("_"):
                yield f"{prefix}{key}"
                yield from _keys_below(value, f"{prefix}{key}.")


def _last_part(name: str) -> str:
    return re.split(r"[./]", name)[-1]


def _root(error: BaseException) -> BaseException:
    return error if error.__cause__ is None else _root(error.__cause__)


def _found(pattern: str, text: str) -> str | None:
    match = re.search(pattern, text, re.MULTILINE)
    return None if match is None else match.group(1)


def one_line(text: str) -> str:
    """Lines joined into one, without what Hydra and OmegaConf add for their own developers."""
    lines = (line.strip() for line in text.split("Config search path:")[0].splitlines())
    noise = ("full_key:", "object_type=", "reference_type=", "See https://hydra.cc")
    return "; ".join(line for line in lines if line and not line.startswith(noise))
