"""Images of a user's folder."""

from __future__ import annotations

import hashlib
import os
from collections.abc import Sequence
from pathlib import Path
from typing import final

import torch
from PIL import Image
from torch import Tensor

from interpolants.data.fingerprint import MOST_FILES, spread_rows
from interpolants.data.image_data import ImageData
from interpolants.data.image_fit import ImageFit, check_header
from interpolants.data.image_tree import ImageTree
from interpolants.data.split_data import held_out_by_hash
from interpolants.utils.checks import check, check_open_interval, check_seed, is_whole
from interpolants.utils.log import to_stderr
from interpolants.utils.ranks import Ranks

# Others, such as EPS, are run by programs.
_FORMATS = ("BMP", "JPEG", "PNG", "PPM", "TIFF", "WEBP")


@final
class ImageFolder(ImageData):
    """Images in a folder, or in its subfolders, which are then the classes in alphabetical order.

    Subfolders `train` and `test` are the two sides of the split instead, and may have classes in
    them. Files are decoded when a batch needs them, so that large folders need no memory. Before,
    the headers of all are read and some are decoded, so that a broken file is found at the start.
    How an image gets its shape and channels is said by `ImageFit`.

    Args:
        path: the folder; relative paths start at the current folder. Files other than .bmp, .jpeg,
            .jpg, .png, .ppm, .tif, .tiff and .webp, and hidden files, are ignored. Links are
            followed, to each folder and file once. An image has at most 10^8 pixels.
        size: height and width of an image in pixels, or one number for both.
        channels: 1 for grey, 2 for grey and opacity, 3 for RGB, 4 for RGB and opacity.
        fit: "crop" to the largest centred part of the shape, or "pad".
        ground: grey value, 0 to 255, on which transparent images are laid and padded.
        held_out_fraction: fraction of images held out, in (0, 1), by a hash of their names, where
            no subfolders split them.
        split_seed: another seed makes another choice of these images.
        flip: whether to mirror a random half of each training batch from left to right.
        checked: number of images, evenly spread, that are decoded at the start.

    Attributes:
        classes: names of the subfolders, or empty.

    Raises:
        ValueError: if there are fewer than two images, some are beside the subfolders, a file is
            broken or has more than 8 bits for a number, or an argument is out of range; and by a
            batch with a file that cannot be decoded.
    """

    def __init__(
        self,
        *,
        path: str,
        size: int | Sequence[int],
        channels: int = 3,
        fit: str = "crop",
        ground: int = 255,
        held_out_fraction: float = 0.2,
        split_seed: int = 0,
        flip: bool = False,
        checked: int = 100,
    ) -> None:
        self._fit = ImageFit(
            owner="ImageFolder", size=size, channels=channels, fit=fit, ground=ground
        )
        check_open_interval("ImageFolder.held_out_fraction", held_out_fraction, 0, 1)
        check_seed("ImageFolder.split_seed", split_seed)
        good = is_whole(checked) and checked >= 0
        check(good, "ImageFolder.checked", "a whole number >= 0", checked)
        super().__init__(self._fit.shape, flip=flip)
        fix = f"relative paths start at {Path.cwd()}"
        check(Path(path).is_dir(), "ImageFolder.path", "an existing folder", path, fix)
        self.folder = os.path.abspath(path)
        tree = ImageTree.of("ImageFolder", Path(path))
        self.classes = tuple(sorted(set(filter(None, tree.classes))))
        numbers = {name: k for k, name in enumerate(self.classes)}
        if tree.held_out is None:
            names = (os.fsencode(Path(file).as_posix()) for file in tree.files)
            held = held_out_by_hash("ImageFolder", names, held_out_fraction, split_seed)
        else:
            held = torch.tensor(tree.held_out)
            if Ranks.of_environment().rank == 0:
                to_stderr(f"ImageFolder: {tree.note}")
        sides = [side.nonzero().flatten().tolist() for side in (~held, held)]
        self._files = tuple([tree.files[k] for k in side] for side in sides)
        self._labels = tuple(
            torch.tensor([numbers.get(tree.classes[k], 0) for k in side]) for side in sides
        )
        self._check_files(tree.files, checked)

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
        """Decoded image, uint8, (C, H, W)."""
        path = os.path.join(self.folder, file)
        try:
            with Image.open(path, formats=_FORMATS) as image:
                return self._fit.pixels(image)
        # A damaged image may raise anything.
        except Exception as error:
            _refuse(path, error)
            raise

    def _check_files(self, files: Sequence[str], decoded: int) -> None:
        """Read the headers of all files, and decode some."""
        for file in files:
            path = os.path.join(self.folder, file)
            try:
                with Image.open(path, formats=_FORMATS) as image:
                    check_header(image)
            # A damaged image may raise anything.
            except Exception as error:
                _refuse(path, error)
        for k in spread_rows(len(files), decoded).tolist() if decoded else ():
            self._decoded(files[k])


def _refuse(path: str, error: Exception) -> None:
    rule, fix = f"an image in {path}", "remove or replace this file"
    check(False, "ImageFolder.path", rule, str(error), fix)
