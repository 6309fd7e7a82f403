"""How the scripts start: a Hydra application whose errors are one sentence each.

Importing this module loads neither torch, Lightning nor Hydra, so `--help`, `--cfg job` and a
misspelt setting answer at once; scripts import what is heavy inside their `main`.
"""

from __future__ import annotations

import argparse
import difflib
import functools
import os
import re
import sys
import traceback
import warnings
from collections.abc import Callable, Iterable, Iterator
from pathlib import Path
from typing import Any

_FULL_ERROR = "HYDRA_FULL_ERROR"
# Lightning's own user error, known by name because Lightning is not imported here.
_USER_ERRORS = ("MisconfigurationException",)
_SIGTERM_STATUS = 143


def run(main: Callable[[Any], float | None], config_name: str, config_dir: Path) -> None:
    """Compose the configuration named on the command line and call `main` with it.

    A failure ends the process with status 1 and one sentence on stderr, after the traceback if
    `debug=true` or HYDRA_FULL_ERROR=1. In a sweep every job runs; the first failure decides.

    Args:
        main: takes the composed configuration; what it returns is the objective of a sweep.
        config_name: the primary yaml file, without its suffix.
        config_dir: the folder that holds it.
    """
    if sys.version_info >= (3, 14):  # facebookresearch/hydra issue 3121, gone in hydra 1.4
        argparse.ArgumentParser._check_help = lambda self, action: None

    import hydra

    # A warning is a sentence too, and no line of code beside it.
    warnings.formatwarning = lambda message, *_: f"warning: {_one_line(str(message))}\n"
    chosen = os.environ.get(_FULL_ERROR)
    # Hydra prints errors in its own words unless this variable asks for the exception itself.
    _set_environment("1")
    try:
        path = str(Path(config_dir).resolve())
        start = hydra.main(version_base="1.3", config_path=path, config_name=config_name)
        start(_as_job(main, chosen))()
    except KeyboardInterrupt:
        sys.exit(1)
    except Exception as error:
        is_debug = chosen == "1" or "debug=true" in (a.lower() for a in sys.argv)
        _report(error, is_debug and not isinstance(error, JobError))
        sys.exit(1)
    finally:
        _set_environment(chosen)


class JobError(RuntimeError):
    """A job of a sweep failed; carries the sentence alone, so that it crosses processes."""


def _as_job(
    main: Callable[[Any], float | None], full_error: str | None
) -> Callable[[Any], float | None]:
    """`main` with its errors reported, in the environment that the user chose."""

    @functools.wraps(main)
    def job(cfg: Any) -> float | None:
        _set_environment(full_error)
        if name := _sweep_job():
            print(name, file=sys.stderr)
        try:
            return main(cfg)
        except Exception as error:
            raise _failure(error, full_error == "1" or bool(cfg.get("debug"))) from None
        except SystemExit as stop:
            # Lightning leaves with status 0 when it is asked to terminate.
            if "SIGTERMException" in (cls.__name__ for cls in type(stop).__mro__):
                raise SystemExit(_SIGTERM_STATUS) from None
            raise
        finally:
            _set_environment("1")

    return job


def _set_environment(value: str | None) -> None:
    if value is None:
        os.environ.pop(_FULL_ERROR, None)
    else:
        os.environ[_FULL_ERROR] = value


def _failure(error: Exception, with_traceback: bool) -> BaseException:
    """Report a job's error now; what to raise instead, so that Hydra adds nothing to one run."""
    name = _sweep_job()
    _report(error, with_traceback, f"{name}: " if name else "")
    return JobError(_sentence(error)) if name else SystemExit(1)


def _sweep_job() -> str:
    """Number and overrides of this job of a sweep; empty in a single run."""
    from hydra.core.hydra_config import HydraConfig
    from hydra.types import RunMode

    settings = HydraConfig.get()
    if settings.mode != RunMode.MULTIRUN:
        return ""
    return f"job {settings.job.num} ({settings.job.override_dirname})"


def _report(error: Exception, with_traceback: bool, prefix: str = "") -> None:
    if with_traceback:
        traceback.print_exception(error)
    print(f"error: {prefix}{_sentence(error)}", file=sys.stderr)


def _sentence(error: BaseException) -> str:
    """What went wrong, in one line: setting, what was expected, what was given."""
    from hydra.errors import HydraException, InstantiationException, OverrideParseException
    from omegaconf.errors import OmegaConfBaseException

    if isinstance(error, InstantiationException):
        return _instantiation_sentence(error)
    if isinstance(error, OverrideParseException):
        fix = "quote a value that holds = or other signs: 'key=\"a=b\"'"
        return f"{error.override}: expected key=value, got {_first_line(error)}; {fix}"
    if isinstance(error, (HydraException, OmegaConfBaseException)):
        return _composition_sentence(error)
    if isinstance(error, OSError) and error.filename is not None:
        return f"{error.filename}: {error.strerror}"
    is_expected = (
        isinstance(error, (ValueError, OSError))
        or type(error).__module__.partition(".")[0] in (__package__, "yaml")
        or type(error).__name__ in _USER_ERRORS
    )
    text = _one_line(str(error)) or "no message"
    if is_expected:
        return text
    return f"unexpected {type(error).__name__}: {text}; run with debug=true for the traceback"


def _instantiation_sentence(error: BaseException) -> str:
    """Hydra wraps what a constructor raises; give it back, prefixed by the config key."""
    text = str(error)
    key = _found(r"^full_key: (.+)$", text)
    prefix = f"{key}: " if key else ""
    target = _found(r"Error locating target '(.+?)'", text)
    if target is not None:
        cause = _root(error)
        return f"{prefix}expected an importable _target_, got {target!r}; {_first_line(cause)}"
    if text.startswith("Error in call to target") and error.__cause__ is not None:
        cause = error.__cause__
        is_wrong_call = isinstance(cause, TypeError) and "argument" in str(cause)
        return prefix + (_one_line(str(cause)) if is_wrong_call else _sentence(cause))
    return prefix + _one_line(text)


def _composition_sentence(error: BaseException) -> str:
    """Why Hydra or OmegaConf could not make the configuration, with the nearest valid name."""
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
    return _one_line(text) or f"{type(cause).__name__}: {_one_line(str(cause))}"


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


def _one_line(text: str) -> str:
    """Lines joined into one, without what Hydra and OmegaConf add for their own developers."""
    lines = (line.strip() for line in text.split("Config search path:")[0].splitlines())
    noise = ("full_key:", "object_type=", "reference_type=", "See https://hydra.cc")
    return "; ".join(line for line in lines if line and not line.startswith(noise))
