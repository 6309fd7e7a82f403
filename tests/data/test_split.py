"""Held-out rows follow from their own values: nothing else moves them."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from helpers.image_files import write_image_folder
from torch import Tensor

from interpolants.data.bridge import Bridge
from interpolants.data.digits import Digits
from interpolants.data.finite import FiniteData
from interpolants.data.image_folder import ImageFolder
from interpolants.data.images import Images, LabelledImages
from interpolants.data.pairs import Pairs
from interpolants.data.split_data import SplitData


def _rows(n: int = 40, seed: int = 0) -> Tensor:
    return torch.randn(n, 3, generator=torch.Generator().manual_seed(seed))


def _held(data: SplitData) -> set[tuple[float, ...]]:
    count = data.count(held_out=True)
    x = data.rows(torch.arange(count), held_out=True).x1.flatten(1)
    return {tuple(row) for row in x.tolist()}


def test_removing_any_row_moves_at_most_one_other() -> None:
    x = _rows()
    before, all_rows = _held(FiniteData(x)), {tuple(row) for row in x.tolist()}
    assert len(before) == 8
    for k in range(len(x)):
        left = all_rows - {tuple(x[k].tolist())}
        after = _held(FiniteData(x[torch.arange(len(x)) != k]))
        assert len(before & left ^ after) <= 1


def test_sides_do_not_depend_on_the_order_or_the_type_of_rows_but_on_the_seed() -> None:
    x = _rows()
    held = _held(FiniteData(x))
    assert _held(FiniteData(x.flip(0).double())) == held
    assert _held(FiniteData(x, split_seed=1)) != held


def test_equal_rows_are_on_one_side() -> None:
    x = _rows(30)
    x = torch.cat([x, x[:20], x[:10]])
    for seed in range(5):
        data = FiniteData(x, torch.arange(len(x)), split_seed=seed)
        train = {tuple(row) for row in data.train_rows.tolist()}
        assert not train & _held(data) and len(_held(data)) == 6
    zeros = torch.tensor([[0.0], [-0.0], [1.0]])
    assert len({float(x) for x in FiniteData(zeros).train_rows.abs()}) == 1


def test_rows_that_are_all_equal_cannot_be_split() -> None:
    rule = r"FiniteData\.held_out_fraction: expected at least 2 different rows"
    with pytest.raises(ValueError, match=rule):
        FiniteData(torch.ones(5, 2))
    assert Bridge(copies=10).num_train == 8  # of one observation by intention


def test_removing_a_picture_moves_at_most_one_other(tmp_path) -> None:
    write_image_folder(tmp_path)
    before = ImageFolder(path=str(tmp_path), size=4)
    held = set(before._files[1])
    assert len(held) == 8
    for name in (sorted(held)[0], sorted(before._files[0])[0]):
        content = (tmp_path / name).read_bytes()
        (tmp_path / name).unlink()
        after = ImageFolder(path=str(tmp_path), size=4)
        assert len((held - {name}) ^ set(after._files[1])) <= 1
        (tmp_path / name).write_bytes(content)


def test_both_ends_of_pairs_have_one_split(tmp_path) -> None:
    x0, x1 = _rows(seed=1), _rows(seed=2)
    np.savez(tmp_path / "pairs.npz", x0=x0.numpy(), x1=x1.numpy())
    both, start = (Pairs(path=str(tmp_path / "pairs.npz"), side=side) for side in ("x1", "x0"))
    assert torch.equal(both.held_out(8, 0).x0, start.held_out(8, 0).x1)


def test_published_splits_stay() -> None:
    x = torch.arange(48, dtype=torch.uint8).view(12, 1, 2, 2)
    data = Images(LabelledImages(x[:9]), LabelledImages(x[9:]))
    assert torch.equal(data.pixels(torch.arange(3), held_out=True), x[9:])
    is_held_out = torch.arange(12) < 4
    rows = FiniteData(x.flatten(1), is_held_out=is_held_out)
    assert torch.equal(rows.train_rows, x[4:].flatten(1).float())


def test_digits_hold_out_as_many_as_documented() -> None:
    assert (Digits().num_train, Digits().count(held_out=True)) == (1297, 500)
