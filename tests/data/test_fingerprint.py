"""Fingerprints tell data apart, by what differs."""

from __future__ import annotations

import pytest
import torch
from helpers.image_files import write_image_folder

from interpolants.data import fingerprint, split_data
from interpolants.data.file import File
from interpolants.data.fingerprint import data_differences
from interpolants.data.finite import FiniteData
from interpolants.data.image_folder import ImageFolder
from interpolants.data.moons import Moons

_SIDES = {"is_held_out": torch.arange(30) < 6}


def _differences(one, other) -> str:
    return data_differences({"data": one.fingerprint()}, {"data": other.fingerprint()})


def _rows(n=30, scale=1.0):
    return scale * torch.randn(n, 2, generator=torch.Generator().manual_seed(0))


def test_fingerprints_of_the_same_data_are_equal():
    one, other = (FiniteData(_rows(), torch.arange(30) % 3) for _ in range(2))
    assert _differences(one, other) == "" == _differences(Moons(), Moons())


@pytest.mark.parametrize(
    ("other", "expected"),
    [
        ({"x": _rows(scale=50)}, "another content of training rows, another content of held-out"),
        ({"x": torch.cat([_rows()] * 2, dim=1), "x0": None}, "shape [4] for [2], another content"),
        ({"label": (torch.arange(30) + 1) % 3}, "another content of training rows"),
        ({"x0": _rows(scale=3)}, "another content of training rows, another content of held-out"),
        ({"is_held_out": torch.arange(30) < 7}, "training rows 23 for 24, another content"),
    ],
    ids=["values", "columns", "labels", "starts", "split"],
)
def test_differences_name_what_differs(other, expected):
    parts = {"x": _rows(), "label": torch.arange(30) % 3, "x0": _rows(scale=2)} | _SIDES
    found = _differences(FiniteData(**parts), FiniteData(**parts | other))
    assert found.startswith(expected)


def test_differences_of_files_name_columns_and_classes(tmp_path):
    def written(name, header, kinds):
        lines = [f"{k}.5,{k * k},{kinds[k % 2]}" for k in range(20)]
        (tmp_path / name).write_text("\n".join([header, *lines]))
        return File(path=str(tmp_path / name), label="kind")

    old = written("a.csv", "a,b,kind", ("cat", "dog"))
    new = written("b.csv", "a,c,kind", ("cat", "eel"))
    found = _differences(old, new)
    assert found == "columns ['a', 'c'] for ['a', 'b'], classes ['cat', 'eel'] for ['cat', 'dog']"


def test_pictures_are_told_apart_by_names_and_content(tmp_path):
    data = []
    for name in ("same", "renamed", "changed"):
        write_image_folder(tmp_path / name, 10)
        first = sorted((tmp_path / name).rglob("*.png"))[0]
        if name == "renamed":
            first.rename(first.with_name("other.png"))
        if name == "changed":
            first.write_bytes(first.read_bytes() + b" ")
        data.append(ImageFolder(path=str(tmp_path / name), size=4))
    assert _differences(data[0], data[0]) == ""
    assert all("another content of" in _differences(data[0], other) for other in data[1:])


@pytest.mark.parametrize(("changed", "seen"), [(0, True), (1, False)])
def test_large_data_are_compared_by_evenly_spread_rows(changed, seen, monkeypatch):
    monkeypatch.setattr(split_data, "MOST_BYTES", 10 * 8)
    x, is_held_out = _rows(40), torch.arange(40) >= 30
    other = x.clone()
    other[changed] += 1
    old, new = (FiniteData(rows, is_held_out=is_held_out) for rows in (x, other))
    assert bool(_differences(old, new)) == seen
    assert fingerprint.spread_rows(30, 10).tolist()[:2] == [0, 3]


def test_spread_rows_are_all_of_few():
    assert fingerprint.spread_rows(5, 10).tolist() == list(range(5))
    assert int(fingerprint.spread_rows(10**6, 1000).diff().min()) > 0


def test_fingerprints_do_not_depend_on_the_process_that_makes_them():
    """A number that another process has made, whose hashes of strings have another seed."""
    x = torch.arange(20.0).view(10, 2)
    found = FiniteData(x, is_held_out=torch.arange(10) < 2).fingerprint()
    assert found["content of held-out rows"] == "807599413da01efa"
    assert found["content of training rows"] == "149a8f06c4a98e41"
