"""Data in memory from what a notebook has."""

import numpy as np
import pytest
import torch
from torch.utils.data import Dataset, IterableDataset, TensorDataset

from interpolants.data.finite import FiniteData
from interpolants.data.in_memory import in_memory
from interpolants.data.moons import Moons

_X = torch.randn(12, 3, generator=torch.Generator().manual_seed(0))
_Y = torch.arange(12) % 3


class _Rows(Dataset):
    """Items x, of NumPy."""

    def __len__(self):
        return 12

    def __getitem__(self, k):
        return _X[k].numpy()


class _Stream(IterableDataset):
    def __iter__(self):
        return iter(_X)


class _Frame:
    """What NumPy converts, as a table of pandas."""

    def __array__(self, dtype=None, copy=None):
        return _X.numpy()


@pytest.mark.parametrize(
    ("x", "label"),
    [
        (_X, None),
        (_X.numpy(), None),
        (_X.tolist(), None),
        (_Frame(), None),
        (_Rows(), None),
        (TensorDataset(_X), None),
        (TensorDataset(_X, _Y), "in items"),
        (_X, _Y),
        (_X.numpy(), _Y.tolist()),
    ],
    ids=lambda part: type(part).__name__,
)
def test_in_memory_rows_are_those_of_finite_data(x, label):
    given = label if not isinstance(label, str) else None
    found, expected = in_memory("fit", x, given), FiniteData(_X, None if label is None else _Y)
    assert torch.equal(found.train_rows, expected.train_rows) and found.standardized
    labels = found.labels(), expected.labels()
    assert labels == (None, None) if label is None else torch.equal(*labels)


def test_in_memory_data_are_left_as_they_are():
    data = Moons()
    assert in_memory("fit", data) is data


@pytest.mark.parametrize(
    ("x", "label", "sentence"),
    [
        ("rows.csv", None, r"^fit\.x: expected numbers: a tensor, .*, got 'str'"),
        (np.array([["a"], ["b"]]), None, r"^fit\.x: expected numbers"),
        (_Stream(), None, r"^fit\.x: expected a map-style data set, .*'_Stream'; pass its rows"),
        (TensorDataset(_X, _Y, _Y), None, r"^fit\.x: expected items x or \(x, label\), got"),
        (TensorDataset(_X), _Y, r"^fit\.label: expected none beside TensorDataset"),
        (Moons(), _Y, r"^fit\.label: expected none beside Moons"),
        (_X[:, 0], None, r"^FiniteData\.x: expected shape \(rows, \*event\)"),
    ],
    ids=lambda part: type(part).__name__,
)
def test_in_memory_refuses_what_are_no_rows(x, label, sentence):
    with pytest.raises(ValueError, match=sentence):
        in_memory("fit", x, label)
