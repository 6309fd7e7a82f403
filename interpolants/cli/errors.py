"""Error messages of the commands: one sentence with the setting, the rule, and the value."""

from __future__ import annotations

import difflib
import re
import sys
import traceback
from collections.abc import Iterable, Iterator
from typing import Any

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
        fix = "quote a value that holds = or other signs: 'key=\"a=b\"'"
        # Hydra 1.4 says first in which of the overrides it is.
        reason = _found(r"^(?!Error when parsing)(.+)$", str(error))
        return f"{error.override}: expected key=value, got {reason}; {fix}"
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
    return f"unexpected {type(error).__name__}: {text}; run with debug=true for the traceback"


def _instantiation_sentence(error: BaseException) -> str:
    """The message of a constructor's error that Hydra wrapped, after the config key."""
    text = str(error)
    key = _found(r"^full_key: (.+)$", text)
    prefix = f"{key}: " if key else ""
    target = _found(r"Error locating target '(.+?)'", text)
    if target is not None:
        cause = _root(error)
        return f"{prefix}expected an importable _target_, got {target!r}; {_first_line(cause)}"
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
        if group == "hydra/launcher" and not fix:
            fix = "; others come with pip install 'interpolants[sweep]'"
        return f"{group}: expected one of {', '.join(error.options)}, got {name!r}{fix}"
    if isinstance(cause, (ConfigAttributeError, ConfigKeyError)):
        key = _found(r"Could not override '(.+?)'", text) or str(cause.full_key)
        fix = _nearest_key(key, cause) or "; list all keys with --cfg job"
        return f"{key}: expected an existing key, got an unknown one{fix}"
    return one_line(text) or f"{type(cause).__name__}: {one_line(str(cause))}"


def _nearest_key(key: str, error: Any) -> str:
    """The existing key most like `key`, among those beside the one that was not found."""
    from omegaconf import OmegaConf

    if not OmegaConf.is_config(error.parent_node):
        return ""
    parent, dot, _ = str(error.full_key).rpartition(".")
    keys = list(_keys_below(OmegaConf.to_container(error.parent_node), parent + dot))
    if not key.startswith("hydra"):
        keys = [k for k in keys if k != "hydra" and not k.startswith("hydra.")]
    return _suggestion(key, [k.replace(".", "/") for k in keys] if "/" in key else keys)


def _suggestion(name: str, options: Iterable[str]) -> str:
    """The option most like `name`, by its whole spelling or that of its last part."""

    def likeness(option: str) -> float:
        whole = difflib.SequenceMatcher(None, name, option).ratio()
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


def _first_line(error: BaseException) -> str:
    return str(error).partition("\n")[0]


def one_line(text: str) -> str:
    """Lines joined into one, without what Hydra and OmegaConf add for their own developers."""
    lines = (line.strip() for line in text.split("Config search path:")[0].splitlines())
    noise = ("full_key:", "object_type=", "reference_type=", "See https://hydra.cc")
    return "; ".join(line for line in lines if line and not line.startswith(noise))
