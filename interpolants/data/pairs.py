"""Pairs (x0, x1) of a file."""

from __future__ import annotations

from pathlib import Path
from typing import final

import torch
from torch import Tensor

from interpolants.data.finite import FiniteData
from interpolants.data.reading import as_rows, load_arrays
from interpolants.data.split_data import held_out_by_hash, row_bytes
from interpolants.utils.checks import check, check_open_interval, check_seed


@final
class Pairs(FiniteData):
    """Rows of a .npz archive with arrays `x0` and `x1`; rows of the same index are paired.

    Use it with coupling=paired, and again as the data of the base with side=x0, so that sampling
    starts from the distribution of x0.

    Args:
        path: the archive; both arrays have the same shape, (N, *event).
        side: "x1" for x1 paired with x0, "x0" for x0 only.
        standardize: whether to scale each coordinate to mean 0 and standard deviation 1 over the
            training rows of its side for networks.
        held_out_fraction: fraction of pairs held out, in (0, 1).
        split_seed: another seed makes another choice of these pairs.

    Raises:
        ValueError: if there is no such file or array, the shapes differ, or a value is not finite.
    """

    def __init__(
        self,
        *,
        path: str,
        side: str = "x1",
        standardize: bool = True,
        held_out_fraction: float = 0.2,
        split_seed: int = 0,
    ) -> None:
        check(side in ("x0", "x1"), "Pairs.side", "x0 or x1", side)
        x0, x1 = _ends(path)
        check_open_interval("Pairs.held_out_fraction", held_out_fraction, 0, 1)
        check_seed("Pairs.split_seed", split_seed)
        # Of both ends, so that both sides have the same split.
        both = row_bytes(torch.cat([x1.flatten(1), x0.flatten(1)], dim=1))
        super().__init__(
            x1 if side == "x1" else x0,
            x0=x0 if side == "x1" else None,
            standardize=standardize,
            is_held_out=held_out_by_hash("Pairs", both, held_out_fraction, split_seed),
        )


def _ends(path: str) -> tuple[Tensor, Tensor]:
    file = Path(path).expanduser()
    is_archive = file.is_file() and file.suffix.lower() == ".npz"
    fix = f"relative paths start at {Path.cwd()}"
    check(is_archive, "Pairs.path", "an existing .npz file with arrays x0 and x1", path, fix)
    arrays = load_arrays("Pairs", file)
    rule = f"arrays x0 and x1 in {path}"
    check(isinstance(arrays, dict), "Pairs.path", rule, "a single array")
    assert isinstance(arrays, dict)
    check({"x0", "x1"} <= set(arrays), "Pairs.path", rule, ", ".join(arrays))
    x0, x1 = (as_rows("Pairs", arrays[end], f"{end} of {path}") for end in ("x0", "x1"))
    same = x0.shape == x1.shape
    check(same, "Pairs.path", "x0 and x1 of one shape", (tuple(x0.shape), tuple(x1.shape)))
    return x0, x1
