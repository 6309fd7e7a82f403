"""Public data sets: search for local files, and download."""

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
    """Files of a public data set.

    If the user sets `root`, only that folder is searched. Otherwise the folders are, in this
    order, that of the environment variable INTERPOLANTS_DATA, those of other packages, and the
    cache ~/.cache/interpolants/<name>.

    Attributes:
        owner: class that reads it, for error messages.
        name: name of its folder in the cache.
        files: description of the files, for error messages.
        url: public folder that they are downloaded from.
        md5: checksum of each file.
        layouts: subfolders of the user's folder that may hold the files.
        packages: folders of other packages, absolute or relative to the current folder.
        ways: advice on how to get the files without `download`.
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
        """Read the data set from the first folder that holds it.

        Local files are not compared with the checksums, which would take longer than reading
        them; `read` checks their headers, shapes and sizes.

        Args:
            root: the user's folder, or None.
            download: whether to download the data set if no folder holds it, to `root/<name>` or
                the cache.
            read: function of a folder that returns the data set, or a short description of what
                is missing, empty if the folder has none of the files.

        Raises:
            ValueError: if it is not found, with the folders that were searched, cannot be
                downloaded, or is damaged.
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
        """Absolute paths of the folders to search, in order."""
        user = os.environ.get(_VARIABLE) if root is None else root
        found = [Path(user).expanduser() / layout for layout in self.layouts] if user else []
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
        """Download missing files, and return their folder."""
        parent = _CACHE if root is None else Path(root)
        folder = parent.expanduser() / self.name
        for name, md5 in self.md5.items():
            if not (folder / name).exists():
                _download(f"{self.owner}.download", self.url + name, folder / name, md5)
        return folder


def _download(where: str, url: str, path: Path, md5: str) -> None:
    """Download a file, and rename it to its path if its checksum is right."""
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
