"""Images of a user's folder."""

from __future__ import annotations

import hashlib
import os
from pathlib import Path
from typing import final

import numpy as np
import torch
from PIL import Image, ImageOps
from torch import Tensor

from interpolants.data.fingerprint import MOST_FILES, spread_rows
from interpolants.data.image_data import ImageData
from interpolants.data.split_data import held_out_by_hash
from interpolants.utils.checks import check, check_count, check_open_interval, check_seed, is_whole

_SUFFIXES = {".bmp", ".jpeg", ".jpg", ".png", ".ppm", ".tif", ".tiff", ".webp"}
# Others, such as EPS, are run by programs.
_FORMATS = ("BMP", "JPEG", "PNG", "PPM", "TIFF", "WEBP")
_MOST_PIXELS = 10**8
_MODES = {1: "L", 3: "RGB"}


@final
class ImageFolder(ImageData):
    """Images in a folder, or in its subfolders, which are then the classes in alphabetical order.

    Files are decoded when a batch needs them, so that large folders need no memory. An image is
    rotated by its EXIF orientation, converted to grey or RGB without transparency, cropped to the
    largest centred square, and resized by a Lanczos filter.

    Args:
        path: the folder; relative paths start at the current folder. Files other than .bmp, .jpeg,
            .jpg, .png, .ppm, .tif, .tiff and .webp, and hidden files, are ignored. Links are
            followed, to each folder once. An image has at most 10^8 pixels.
        size: height and width of an image in pixels.
        channels: 1 for grey, 3 for RGB.
        held_out_fraction: fraction of images held out, in (0, 1), by a hash of their names.
        split_seed: another seed makes another choice of these images.
        flip: whether to mirror a random half of each training batch from left to right.

    Attributes:
        classes: names of the subfolders, or empty.

    Raises:
        ValueError: if there are fewer than two images, some are beside the subfolders, or an
            argument is out of range; and by a batch with a file that cannot be decoded.
    """

    def __init__(
        self,
        *,
        path: str,
        size: int,
        channels: int = 3,
        held_out_fraction: float = 0.2,
        split_seed: int = 0,
        flip: bool = False,
    ) -> None:
        check_count("ImageFolder.size", size)
        known = is_whole(channels) and channels in _MODES
        check(known, "ImageFolder.channels", "1 or 3", channels)
        check_open_interval("ImageFolder.held_out_fraction", held_out_fraction, 0, 1)
        check_seed("ImageFolder.split_seed", split_seed)
        super().__init__((channels, size, size), flip=flip)
        fix = f"relative paths start at {Path.cwd()}"
        check(Path(path).is_dir(), "ImageFolder.path", "an existing folder", path, fix)
        self.folder, self._size, self._mode = os.path.abspath(path), size, _MODES[channels]
        files = _image_files(Path(path))
        check(len(files) >= 2, "ImageFolder.path", f"at least 2 images in {path}", len(files))
        parents = [Path(file).parts[0] if Path(file).parent.name else "" for file in files]
        rule = f"images in {path}, or in folders in it, but not both"
        check(len({bool(parent) for parent in parents}) == 1, "ImageFolder.path", rule, files[0])
        self.classes = tuple(sorted(set(filter(None, parents))))
        numbers = {name: k for k, name in enumerate(self.classes)}
        names = (os.fsencode(Path(file).as_posix()) for file in files)
        held = held_out_by_hash("ImageFolder", names, held_out_fraction, split_seed)
        sides = [side.nonzero().flatten().tolist() for side in (~held, held)]
        self._files = tuple([files[k] for k in side] for side in sides)
        self._labels = tuple(
            torch.tensor([numbers.get(parents[k], 0) for k in side]) for side in sides
        )

    def content(self, held_out: bool) -> str:
        """Hash of the names of all files of one side, and of the bytes of at most 64 of them."""
        files = self._files[held_out]
        found = hashlib.blake2b("\0".join(files).encode(errors="surrogateescape"), digest_size=8)
        for k in spread_rows(len(files), MOST_FILES).tolist():
            found.update(Path(self.folder, files[k]).read_bytes())
        return found.hexdigest()

    def pixels(self, numbers: Tensor, *, held_out: bool = False) -> Tensor:
        files = self._files[held_out]
        return torch.stack([self._decoded(files[k]) for k in numbers.tolist()])

    def count(self, *, held_out: bool = False) -> int:
        return len(self._files[held_out])

    def labels(self, *, held_out: bool = False) -> Tensor | None:
        return self._labels[held_out] if self.classes else None

    def _decoded(self, file: str) -> Tensor:
        """Decoded image, uint8, (C, size, size)."""
        path = os.path.join(self.folder, file)
        try:
            with Image.open(path, formats=_FORMATS) as image:
                if image.width * image.height > _MOST_PIXELS:
                    raise ValueError(f"more than {_MOST_PIXELS} pixels")
                if image.mode[0] in "IF":
                    raise ValueError(f"more than 8 bits for a number (mode {image.mode})")
                whole = ImageOps.exif_transpose(image).convert(self._mode)
            square = ImageOps.fit(whole, (self._size, self._size), Image.Resampling.LANCZOS)
        # A damaged image may raise anything.
        except Exception as error:
            rule, fix = f"an image in {path}", "remove or replace this file"
            check(False, "ImageFolder.path", rule, str(error), fix)
            raise
        pixels = torch.from_numpy(np.array(square)).view(self._size, self._size, -1)
        return pixels.permute(2, 0, 1)


def _image_files(folder: Path) -> list[str]:
    """Sorted paths of all images below a folder, relative to it, each folder visited once."""
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
            if os.path.splitext(name)[1].lower() in _SUFFIXES and not name.startswith(".")
        ]
        for path in images:
            check(os.path.isfile(path), "ImageFolder.path", "a file, or a link to one", path)
        found += [os.path.relpath(path, folder) for path in images]
    return sorted(found)
