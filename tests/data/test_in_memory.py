"""Data in memory from what a notebook has."""

import numpy as np
import pandas as pd
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


class _Dicts(_Rows):
    """Items by name."""

    def __getitem__(self, k):
        return {"x": _X[k], "label": _Y[k]}


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
        (_Dicts(), "in items"),
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


def test_in_memory_names_the_columns_of_a_table_that_are_text():
    table = pd.DataFrame({"age": [1.0, 2.0], "owner": ["a", "b"]})
    with pytest.raises(ValueError, match=r"^fit\.x: .* got 'DataFrame'; leave out owner, or"):
        in_memory("fit", table)


@pytest.mark.parametrize("label", [["dog", "cat"] * 6, np.array(["dog", "cat"] * 6, dtype=object)])
def test_in_memory_labels_may_be_names(label):
    data = in_memory("fit", _X, label)
    expected = FiniteData(_X, torch.tensor([1, 0] * 6)).labels()
    assert data.classes == ("cat", "dog") and torch.equal(data.labels(), expected)


def test_in_memory_keeps_the_names_of_the_classes_of_a_data_set_and_their_order():
    items = TensorDataset(_X, _Y)
    items.classes = ["owl", "dog", "cat"]
    data = in_memory("fit", items)
    assert data.classes == ("owl", "dog", "cat")
    assert torch.equal(data.labels(), FiniteData(_X, _Y).labels())


@pytest.mark.parametrize(
    ("x", "label", "sentence"),
    [
        ("rows.csv", None, r"^fit\.x: expected numbers: a tensor, .*, got 'str'"),
        (np.array([["a"], ["b"]]), None, r"^fit\.x: expected numbers"),
        (
            _Stream(),
            None,
            r"^fit\.x: expected a map-style data set, .*'the stream _Stream'",
        ),
        (
            TensorDataset(_X, _Y, _Y),
            None,
            r"^Dataset: expected items of at most a row",
        ),
        (TensorDataset(_X[:0]), None, r"^fit\.x: expected at least one item"),
        (TensorDataset(_X), _Y, r"^fit\.label: expected none beside TensorDataset"),
        (Moons(), _Y, r"^fit\.label: expected none beside Moons"),
        (_X[:, 0], None, r"^FiniteData\.x: expected shape \(rows, \*event\)"),
    ],
    ids=lambda part: type(part).__name__,
)
def test_in_memory_refuses_what_are_no_rows(x, label, sentence):
    with pytest.raises(ValueError, match=sentence):
        in_memory("fit", x, label)
