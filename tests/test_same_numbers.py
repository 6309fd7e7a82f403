"""The comparison of two commits sees one bit, and not names, clocks or spellings."""

import json
import os

import numpy as np
import pytest
import torch

from benchmarks.same_numbers.cases import CASES, RENAMED, spelt_for
from benchmarks.same_numbers.outcome import count, difference, outcome

X = np.linspace(0.0, 1.0, 6, dtype=np.float32).reshape(3, 2)
NEXT = np.nextafter(np.float32(0.2), np.float32(1))


def _write(folder, x=X, *, loss=0.1, weight=1.0, value=2.0, seconds=1.0, names="abcd"):
    run = folder / "0_train"
    run.mkdir(parents=True)
    a, b, c, d = names
    (run / "metrics.csv").write_text(f"step,{a},seconds\n1,{loss!r},{seconds}\n2,,\n")
    np.savez(run / f"{b}.npz", **{b: x})
    (run / f"{c}.json").write_text(json.dumps({"seconds": seconds, "all": [{c: value}, None]}))
    state = {"state_dict": {d: torch.tensor([weight])}, "callbacks": {str(folder): torch.ones(1)}}
    torch.save(state, run / "last.ckpt")
    return outcome(folder)


def test_same_numbers_are_equal_whatever_the_time_and_the_names(tmp_path):
    old = _write(tmp_path / "old")
    assert count(old) == "2 arrays, 4 numbers"
    assert difference(old, _write(tmp_path / "again", seconds=7.0)) is None
    assert difference(old, _write(tmp_path / "renamed", names="wxyz")) is None


@pytest.mark.parametrize("names", ["abcd", "wxyz"])
@pytest.mark.parametrize(
    ("change", "file"),
    [
        ({"x": np.where(X == X[0, 1], NEXT, X)}, ".npz"),
        ({"loss": float(np.nextafter(0.1, 1))}, ".csv"),
        ({"value": float(np.nextafter(2.0, 3))}, ".json"),
        ({"weight": 1.0 + 2.0**-23}, ".ckpt"),
        ({"x": X.astype(np.float64)}, ".npz"),
        ({"x": np.where(X == 0, np.float32(-0.0), X)}, ".npz"),
    ],
    ids=str,
)
def test_same_numbers_tell_one_bit(change, file, names, tmp_path):
    text = difference(_write(tmp_path / "old"), _write(tmp_path / "new", **change, names=names))
    assert text is not None and text.startswith(f"0_train {file} 0: ")
    assert "1 of 4 files" in text


def test_same_numbers_tell_files_apart_by_the_order_of_their_writing(tmp_path):
    for side, names in (("old", "ab"), ("new", "zy")):
        (tmp_path / side / "1_sample").mkdir(parents=True)
        for i, name in enumerate(names):
            file = tmp_path / side / "1_sample" / f"{name}.npz"
            np.savez(file, x=X + i)
            os.utime(file, ns=(i, i))
    sides = [outcome(tmp_path / side) for side in ("old", "new")]
    assert difference(*sides) is None
    del sides[1]["1_sample .npz 1"]
    assert difference(*sides) == "files: 1_sample .npz 1 only in the old"


def test_same_numbers_spell_settings_as_a_checkout_does(tmp_path):
    name = RENAMED[0]
    words = f"{name.old}a data.{name.old}b"
    assert spelt_for(tmp_path, words) == words.split()
    (tmp_path / name.since).mkdir(parents=True)
    assert spelt_for(tmp_path, words) == [f"{name.new}a", f"data.{name.old}b"]


def test_same_numbers_cases_have_names_of_their_own():
    assert len({case.name for case in CASES}) == len(CASES)
