"""Folders that hold some installed distributions, with what these require, and nothing else."""

from __future__ import annotations

import re
from collections.abc import Sequence
from importlib.metadata import Distribution, PackageNotFoundError, distribution
from pathlib import Path

from helpers.compose import ROOT


def requirements(names: Sequence[str]) -> dict[str, Distribution]:
    """The named distributions and all that they require, without extras, by normalised name."""
    found: dict[str, Distribution] = {}
    left = list(names)
    while left:
        name = re.sub(r"[-_.]+", "-", left.pop()).lower()
        if name in found:
            continue
        try:
            found[name] = distribution(name)
        except PackageNotFoundError:  # of another platform
            continue
        for line in found[name].requires or ():
            requirement, _, marker = line.partition(";")
            match = re.match(r"[\w.-]+", requirement)
            if match and "extra" not in marker:
                left.append(match[0])
    return found


def link_distributions(folder: Path, names: Sequence[str]) -> None:
    """Make a folder from which the named distributions, and no other, can be imported."""
    folder.mkdir(parents=True)
    for dist in requirements(names).values():
        for top in _tops(dist) - {"..", "__pycache__"}:
            _link(folder, dist, top)


def link_package(folder: Path) -> None:
    """Put the package as it is in this tree, with its metadata, beside what the folder holds."""
    (folder / "interpolants").symlink_to(ROOT / "interpolants")
    dist = distribution("interpolants")
    for top in _tops(dist):
        # An editable install leaves an .egg-info at the root too, and pytest may find that first.
        if top.endswith((".dist-info", ".egg-info")):
            _link(folder, dist, top)


def _tops(dist: Distribution) -> set[str]:
    return {file.parts[0] for file in dist.files or ()}


def _link(folder: Path, dist: Distribution, top: str) -> None:
    link, target = folder / top, Path(str(dist.locate_file(top)))
    if not link.exists() and target.exists():
        link.symlink_to(target)
