"""Features of a network in a user's file, such as Inception."""

from __future__ import annotations

import hashlib
import warnings
from pathlib import Path
from typing import Any, final

import torch
from torch import Tensor

from interpolants.data.base import Data
from interpolants.data.pixels import to_uint8
from interpolants.metric.features.base import FOLDER, Features, training_hash
from interpolants.utils.checks import check

_VERSION = 1


@final
class InceptionFeatures(Features):
    """Features of images by a network in a file, such as the Inception network of FID.

    The file is a TorchScript archive of a network that is called with uint8 images, (n, 3, H, W),
    and `return_features=True`, resizes them itself and returns (n, F). NVIDIA's
    inception-2015-12-05.pt has this form; it is neither included nor downloaded. Images of one
    channel are converted to grey.

    An archive is a program that runs when it is loaded: use one that you trust. It is loaded only
    if `path` names it, never because a checkpoint does.

    Args:
        path: the archive.
        folder: cache of features of training data, by a hash of data and archive;
            ~/.cache/interpolants/features if None.
        device: device that the network runs on.

    Raises:
        ValueError: if there is no such file, or it is not such an archive.
    """

    def __init__(self, *, path: str, folder: str | None = None, device: str = "cpu") -> None:
        where = "InceptionFeatures.path"
        file = Path(path).expanduser()
        check(file.is_file(), where, "a TorchScript archive", path, "there is no such file")
        self.folder = (FOLDER if folder is None else Path(folder)).expanduser()
        self.device = device
        digest = hashlib.sha256(file.read_bytes()).hexdigest()[:8]
        self._name = f"{file.stem}-{digest}"
        self._net = _load(where, file).to(device)
        self._data: Data | None = None
        self._kept: Path | None = None

    def fit(self, data: Data) -> None:
        if self._data is data:
            return
        shape = data.event_shape
        suits = len(shape) == 3 and shape[0] in (1, 3) and not data.standardized
        rule = "images (C, H, W) of one or three channels, not standardized"
        fix = "use features of another kind, such as raw"
        check(suits, "InceptionFeatures.data", rule, type(data).__name__, fix)
        self._shift, self._unit = data.shift, data.scale
        key = training_hash(data, (_VERSION, self._name))
        self._data, self._kept = data, self.folder / f"{self._name}-{key}.pt"

    @property
    def name(self) -> str:
        return self._name

    @property
    def kept(self) -> Path | None:
        return self._kept

    def map(self, x: Tensor) -> Tensor:
        whole = to_uint8(127.5 * (x.cpu().float() - self._shift) / self._unit + 127.5)
        coloured = whole.expand(-1, 3, -1, -1).to(self.device)
        found: Tensor = self._net(coloured, return_features=True)
        return found.float()


def _load(where: str, file: Path) -> Any:
    try:
        with warnings.catch_warnings():
            # TorchScript is deprecated, but the published weights have this form.
            warnings.simplefilter("ignore", DeprecationWarning)
            return torch.jit.load(file, map_location="cpu").eval()  # type: ignore[no-untyped-call]
    except RuntimeError as error:
        reason = str(error).partition("\n")[0]
        check(False, where, f"a TorchScript archive in {file}", reason, "get the file anew")
        raise
