"""Folders of yaml files: the package's own, and the user's."""

from __future__ import annotations

import argparse
import filecmp
from collections.abc import Sequence
from pathlib import Path

from interpolants.utils.checks import check

USER_FOLDER = Path("conf")
"""The user's own yaml files, below the working folder."""


def conf_folder() -> Path:
    """The package's yaml files: inside an installed package, at the top of the repository."""
    package = Path(__file__).resolve().parent.parent
    installed = package / "conf"
    return installed if installed.is_dir() else package.parent / "conf"


def user_folders(own: Path, arguments: Sequence[str]) -> list[Path]:
    """The user's folders on the search path: `conf/` of the working folder, then --config-dir.

    Args:
        own: the package's folder, which is none of them.
        arguments: of the command line.
    """
    parser = argparse.ArgumentParser(add_help=False, allow_abbrev=False)
    parser.add_argument("--config-dir", "-cd", type=Path)
    named = parser.parse_known_args(arguments)[0].config_dir
    folders = [USER_FOLDER] if named is None else [USER_FOLDER, named]
    return [f for f in folders if f.is_dir() and f.resolve() != own.resolve()]


def check_names(own: Path, folders: Sequence[Path]) -> None:
    """Refuse a user's file that has the group and name of one of the package's.

    Hydra would take the package's and leave the user's out without a word. Equal copies are no
    fault: the repository has one of what is installed from it.

    Args:
        own: the package's folder.
        folders: the user's.

    Raises:
        ValueError: for the first such file.
    """
    for folder in folders:
        for path in sorted(folder.rglob("*.yaml")):
            name = path.relative_to(folder)
            ours = own / name
            differs = ours.is_file() and not filecmp.cmp(path, ours, shallow=False)
            rule = f"another name than that of {ours}"
            check(not differs, str(path), rule, str(name.with_suffix("")), "rename your file")
