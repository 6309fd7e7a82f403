"""The data that a model was trained on, or those at another place."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from interpolants.checkpoint import spec
from interpolants.data.base import Data
from interpolants.utils.checks import check

_PLACES = ("path", "root")


def data_of(
    config: Mapping[str, Any],
    checkpoint: Path,
    places: Mapping[str, str | None],
    trust: Sequence[str] = (),
) -> Data:
    """Build the data in the configuration of a checkpoint.

    A relative path starts at the current folder or, if there is no such file, at the nearest
    folder above the checkpoint that has one.

    Args:
        config: the configuration.
        checkpoint: its file.
        places: `path` or `root` of the data, instead of those in the configuration.
        trust: as in `interpolants.load`.

    Raises:
        ValueError: if the data cannot be read, or have no such setting. Nothing is downloaded.
    """
    chosen = {key: place for key, place in places.items() if place is not None}
    own = dict(config["data"])
    for key in chosen:
        name = str(own.get("_target_", "")).rpartition(".")[2]
        check(key in own, f"data.{key}", f"no such setting for {name}", chosen[key])
    found = _above(own, checkpoint)
    try:
        data = spec.build(own | chosen, Data, where="data", trust=trust)
    except (ValueError, OSError):
        # Only now: a name of data in the package may also be that of a folder above.
        if not found.keys() - chosen.keys():
            raise
        data = spec.build(own | found | chosen, Data, where="data", trust=trust)
    assert isinstance(data, Data)
    return data


def _above(own: Mapping[str, Any], checkpoint: Path) -> dict[str, str]:
    """Relative places that do not exist, in the nearest folder above the checkpoint with them."""
    found: dict[str, str] = {}
    for key in _PLACES:
        place = own.get(key)
        if isinstance(place, str) and not Path(place).exists():
            above = (folder / place for folder in checkpoint.resolve().parents)
            nearest = next(filter(Path.exists, above), None)
            found |= {} if nearest is None else {key: str(nearest)}
    return found
