"""Start of a command: a Hydra application whose errors are one sentence each."""

from __future__ import annotations

import argparse
import functools
import os
import sys
import warnings
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from interpolants.cli.conf import check_names, user_folders
from interpolants.cli.errors import JobError, one_line, report, sentence

_FULL_ERROR = "HYDRA_FULL_ERROR"
_SIGTERM_STATUS = 143

_Main = Callable[[Any], float | None]


def run(
    main: _Main, config_name: str, config_dir: Path, arguments: Sequence[str] | None = None
) -> None:
    """Compose the configuration named on the command line and call `main` with it.

    A failure ends the process with status 1 and one sentence on stderr, after the traceback if
    `traceback=true` or HYDRA_FULL_ERROR=1. In a sweep every job runs; the first failure decides.

    Args:
        main: takes the composed configuration; what it returns is the objective of a sweep.
        config_name: the primary yaml file, without its suffix.
        config_dir: the folder that holds it.
        arguments: overrides and options; those of the command line if None.
    """
    given = sys.argv[1:] if arguments is None else list(arguments)
    own = Path(config_dir).resolve()
    one_line_warnings()
    chosen = os.environ.get(_FULL_ERROR)
    # Hydra prints errors in its own words unless this variable asks for the exception itself.
    _set_environment("1")
    try:
        folders = user_folders(own, given)
        check_names(own, folders)
        if {"-h", "--help"} & set(given):
            from interpolants.cli.help import help_text

            print(help_text(config_name, [own, *folders]))
            return
        _start_hydra(main, config_name, [own, *folders], given, chosen)
    except KeyboardInterrupt:
        sys.exit(1)
    except Exception as error:
        is_full = chosen == "1" or "traceback=true" in (a.lower() for a in given)
        report(error, is_full and not isinstance(error, JobError))
        sys.exit(1)
    finally:
        _set_environment(chosen)


def one_line_warnings() -> None:
    """Let a warning be a sentence too, without a line of code beside it."""
    warnings.formatwarning = lambda message, *_: f"warning: {one_line(str(message))}\n"


def _start_hydra(
    main: _Main, command: str, folders: list[Path], given: list[str], full_error: str | None
) -> None:
    if sys.version_info >= (3, 14):  # facebookresearch/hydra issue 3121, gone in hydra 1.4
        argparse.ArgumentParser._check_help = lambda self, action: None

    import hydra

    from interpolants.cli.search_path import add_user_folder
    from interpolants.cli.sweep import with_short_names
    from interpolants.cli.words import check_words

    check_words(command, folders, given)

    add_user_folder()
    # Without this Hydra 1.3 behaves as 1.1 did; 1.4 has only its own behaviour, the same as 1.3.
    base = {"version_base": "1.3"} if hydra.__version__.startswith("1.3.") else {}
    _check_shown(command, folders, given, base)
    before, given = sys.argv, with_short_names(given)
    job = _as_job(_checked(main, command, folders), full_error, given, before)
    start = hydra.main(config_path=str(folders[0]), config_name=command, **base)
    with _command_line([before[0], *given]):
        start(job)()


def _check_shown(
    command: str, folders: Sequence[Path], given: Sequence[str], base: Mapping[str, Any]
) -> None:
    """Check the configuration that `--cfg` prints, of which Hydra starts no job."""
    from hydra import compose, initialize_config_dir
    from hydra._internal.utils import get_args_parser
    from hydra.core.hydra_config import HydraConfig
    from omegaconf import open_dict

    from interpolants.cli.composed import check_composed

    words = get_args_parser().parse_args(given)
    if words.cfg is None or words.multirun:
        return
    found = [] if words.config_dir is None else [f"hydra.searchpath=[file://{folders[-1]}]"]
    with initialize_config_dir(config_dir=str(folders[0]), **base):
        cfg = compose(command, [*words.overrides, *found], return_hydra_config=True)
    HydraConfig.instance().set_config(cfg)
    with open_dict(cfg):
        del cfg["hydra"]
    check_composed(cfg, command, folders)


def _checked(main: _Main, command: str, folders: list[Path]) -> _Main:
    """`main` of a configuration whose keys and values have been checked."""

    @functools.wraps(main)
    def checked(cfg: Any) -> float | None:
        from interpolants.cli.composed import check_composed

        check_composed(cfg, command, folders)
        return main(cfg)

    return checked


def _as_job(main: _Main, full_error: str | None, given: list[str], before: list[str]) -> _Main:
    """`main` with its errors reported, in the environment that the user chose.

    Lightning starts further processes by the command line, so `main` sees it as it was before
    Hydra was handed the arguments alone.
    """

    @functools.wraps(main)
    def job(cfg: Any) -> float | None:
        from interpolants.cli.targets import allowed_targets

        _set_environment(full_error)
        if name := _sweep_job():
            print(name, file=sys.stderr)
        seen = before if sys.argv[1:] == given else sys.argv
        try:
            with _command_line(seen), allowed_targets(cfg):
                return main(cfg)
        except Exception as error:
            raise _failure(error, full_error == "1" or bool(cfg.get("traceback"))) from None
        except SystemExit as stop:
            # Lightning leaves with status 0 when it is asked to terminate.
            if "SIGTERMException" in (cls.__name__ for cls in type(stop).__mro__):
                raise SystemExit(getattr(stop, "status", _SIGTERM_STATUS)) from None
            raise
        finally:
            _set_environment("1")

    return job


@contextmanager
def _command_line(words: list[str]) -> Iterator[None]:
    before, sys.argv = sys.argv, words
    try:
        yield
    finally:
        sys.argv = before


def _set_environment(value: str | None) -> None:
    if value is None:
        os.environ.pop(_FULL_ERROR, None)
    else:
        os.environ[_FULL_ERROR] = value


def _failure(error: Exception, with_traceback: bool) -> BaseException:
    """Report a job's error now; what to raise instead, so that Hydra adds nothing to one run."""
    name = _sweep_job()
    report(error, with_traceback, f"{name}: " if name else "")
    return JobError(sentence(error)) if name else SystemExit(1)


def _sweep_job() -> str:
    """Number and overrides of this job of a sweep; empty in a single run."""
    from hydra.core.hydra_config import HydraConfig
    from hydra.types import RunMode

    settings = HydraConfig.get()
    if settings.mode != RunMode.MULTIRUN:
        return ""
    return f"job {settings.job.num} ({settings.job.override_dirname})"
