"""Image files below a folder, their classes, and the split that its subfolders give."""

from __future__ import annotations

import os
from pathlib import Path, PurePath
from typing import NamedTuple

from interpolants.utils.checks import check

SUFFIXES = {".bmp", ".jpeg", ".jpg", ".png", ".ppm", ".tif", ".tiff", ".webp"}
_TRAIN, _HELD_OUT = "train", ("test", "validation", "valid", "val")


class ImageTree(NamedTuple):
    """Image files below a folder.

    Attributes:
        files: sorted paths relative to the folder.
        classes: name of the class of each file; "" without classes.
        held_out: for each file, whether it is held out; None if subfolders do not say so.
        note: line about a split by subfolders; empty without one.
    """

    files: list[str]
    classes: list[str]
    held_out: list[bool] | None
    note: str

    @classmethod
    def of(cls, owner: str, folder: Path) -> ImageTree:
        """Find the images below a folder.

        Subfolders `train` and `test` (or `validation`, `valid`, `val`) are the two sides of a
        split if there are no others; folders in them, or other subfolders, are classes.

        Args:
            owner: class of the argument `path`, for error messages.
            folder: the folder.

        Raises:
            ValueError: if there are fewer than two images, or some are beside the classes.
        """
        where, files = f"{owner}.path", image_files(owner, folder)
        tops = {PurePath(file).parts[0] if os.sep in file else "" for file in files}
        note, held_out, depth = "", None, 1
        beside = [name for name in _HELD_OUT if name in tops]
        if _TRAIN in tops and beside and tops <= {_TRAIN, *_HELD_OUT}:
            used, unused = beside[0], beside[1:]
            files = [file for file in files if PurePath(file).parts[0] in (_TRAIN, used)]
            held_out = [PurePath(file).parts[0] == used for file in files]
            left_out = f", {' and '.join(unused)} not used" if unused else ""
            note = f"{folder}/{_TRAIN} is trained on and {folder}/{used} held out{left_out}"
            depth = 2
        check(len(files) >= 2, where, f"at least 2 images in {folder}", len(files))
        parts = [PurePath(file).parts for file in files]
        classes = [each[depth - 1] if len(each) > depth else "" for each in parts]
        rule = f"images in {folder}, or in folders in it, but not both"
        check(len({bool(name) for name in classes}) == 1, where, rule, files[0])
        return cls(files, classes, held_out, note)


def image_files(owner: str, folder: Path) -> list[str]:
    """Sorted paths of all images below a folder, relative to it, each file once.

    Links are followed, to each folder once; a link to a file that is there already is left out.

    Raises:
        ValueError: if a link leads nowhere.
    """
    found, visited = [], set()
    for parent, folders, names in os.walk(folder, followlinks=True):
        real = os.path.realpath(parent)
        if real in visited:
            folders[:] = []
            continue
        visited.add(real)
        shown = (name for name in folders if not name.startswith("."))
        # Links last: what is below one is known by its own folder.
        folders[:] = sorted(shown, key=lambda name: (os.path.islink(f"{parent}/{name}"), name))
        images = [
            os.path.join(parent, name)
            for name in names
            if os.path.splitext(name)[1].lower() in SUFFIXES and not name.startswith(".")
        ]
        for path in images:
            check(os.path.isfile(path), f"{owner}.path", "a file, or a link to one", path)
        found += images
    links = {path for path in found if os.path.islink(path)}
    known = {os.path.realpath(path) for path in found if path not in links} if links else set()
    kept = []
    for path in sorted(found):
        real = os.path.realpath(path) if path in links else path
        if real not in known or path not in links:
            kept.append(os.path.relpath(path, folder))
        known.add(real)
    return kept
