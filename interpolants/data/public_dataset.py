"""Sets that everybody uses: where they are looked for, and how they are fetched."""

from __future__ import annotations

import hashlib
import logging
import os
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from http.client import HTTPException
from pathlib import Path
from typing import IO, TypeVar, final
from urllib.request import urlopen

from interpolants.utils.checks import check
from interpolants.utils.files import replace

_VARIABLE = "INTERPOLANTS_DATA"
_CACHE = Path("~/.cache/interpolants")
_TIMEOUT, _BLOCK = 30, 2**20
_LOG = logging.getLogger(__name__)

_Found = TypeVar("_Found")


@final
@dataclass(frozen=True, kw_only=True)
class PublicDataset:
    """The files of a public set.

    With a `root` of the user, only that folder is looked in. Otherwise these are, in this order:
    the folder that the environment variable INTERPOLANTS_DATA names, those of packages, and the
    cache, ~/.cache/interpolants/<name>.

    Attributes:
        owner: the class that reads it.
        name: its folder in the cache, and below other folders.
        files: a name that says which files it consists of.
        url: the public folder that they are fetched from.
        md5: the checksum of each file there.
        layouts: where the files may lie below the user's folder.
        packages: where packages put them; relative to the current folder, or absolute.
        ways: how to get them without `download`.
    """

    owner: str
    name: str
    files: str
    url: str
    md5: Mapping[str, str]
    layouts: tuple[str, ...]
    packages: tuple[str, ...] = ()
    ways: str

    def find(
        self, root: str | None, download: bool, read: Callable[[Path], _Found | str]
    ) -> _Found:
        """What is read from the first folder that holds the set.

        Local files are not compared with the checksums, which would take longer than reading
        them; `read` checks their headers, shapes and sizes.

        Args:
            root: the user's folder, or None.
            download: whether to fetch the set where no folder holds it: into `root/<name>`, or
                into the cache.
            read: takes a folder; gives what the set is read as, or in a word or two what is
                there instead, an empty text if nothing is.

        Raises:
            ValueError: if it is nowhere, naming every folder; or cannot be fetched, or is damaged.
        """
        tried = []
        for folder in self.folders(root):
            found = read(folder)
            if not isinstance(found, str):
                return found
            tried.append(f"{folder} ({found})" if found else str(folder))
        if download:
            return self._read_fetched(root, read)
        fix = f"set download=true, or {self.ways}, or say where it is with root=<folder>"
        if root is None:
            fix += f" or the environment variable {_VARIABLE}"
        check(False, f"{self.owner}.root", f"{self.files} in one of {', '.join(tried)}", root, fix)
        raise AssertionError

    def folders(self, root: str | None) -> list[Path]:
        """Where the set is looked for, in this order; absolute."""
        own = os.environ.get(_VARIABLE) if root is None else root
        found = [Path(own).expanduser() / layout for layout in self.layouts] if own else []
        if root is None:
            found += [*map(Path, self.packages), _CACHE.expanduser() / self.name]
        return [Path(os.path.abspath(folder)) for folder in found]

    def _read_fetched(self, root: str | None, read: Callable[[Path], _Found | str]) -> _Found:
        folder = self._fetch(root)
        found = read(folder)
        if isinstance(found, str):
            check(False, f"{self.owner}.download", f"{self.files} in {folder}", found)
            raise AssertionError
        return found

    def _fetch(self, root: str | None) -> Path:
        """The folder of all files, once each is there; those that are stay as they are."""
        parent = _CACHE if root is None else Path(root)
        folder = parent.expanduser() / self.name
        for name, md5 in self.md5.items():
            if not (folder / name).exists():
                _download(f"{self.owner}.download", self.url + name, folder / name, md5)
        return folder


def _download(where: str, url: str, path: Path, md5: str) -> None:
    """Put a public file in its place, once all of it has come and is the right one."""
    _LOG.info("downloading %s to %s", url, path)

    def write(file: IO[bytes]) -> None:
        digest = hashlib.md5(usedforsecurity=False)
        with urlopen(url, timeout=_TIMEOUT) as answer:
            while block := answer.read(_BLOCK):
                digest.update(block)
                file.write(block)
        fix = "the file was deleted; try again, or get it elsewhere"
        check(digest.hexdigest() == md5, where, f"{url} with md5 {md5}", digest.hexdigest(), fix)

    try:
        replace(path, write)
    except (OSError, HTTPException) as error:
        fix = "is there a network? Otherwise put the file there yourself"
        check(False, where, f"to write {url} to {path}", str(error), fix)
        raise
