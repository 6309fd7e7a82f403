"""Finite data sets: splits, epochs and units, and the data sets of scikit-learn."""

from __future__ import annotations

from collections.abc import Callable

import pytest
import torch
from helpers.distributions import (
    NAN_ROWS,
    draw,
    labels_of,
    num_distinct,
    numbered,
)

from interpolants.data.digits import Digits
from interpolants.data.finite import FiniteData
from interpolants.data.table import Table
from interpolants.utils.seeds import keyed_generator


def test_finite_data_epoch_covers_every_training_row_once_over_two_ranks() -> None:
    data = numbered(80)
    for epoch in range(3):
        rows = [
            labels_of(data.train_batch(step, 10, seed=0, rank=rank, world_size=2))
            for step in range(3 * epoch, 3 * epoch + 3)
            for rank in range(2)
        ]
        assert torch.equal(
            torch.cat(rows).sort().values, data.train_rows[:, 0].long().sort().values
        )


def test_finite_data_orders_differ_between_epochs_and_seeds() -> None:
    data = numbered(80)
    orders = [
        labels_of(data.train_batch(step, 60, seed)) for step, seed in ((0, 0), (1, 0), (0, 1))
    ]
    assert num_distinct(torch.stack(orders)) == 3


def test_finite_data_drops_the_incomplete_batch_of_an_epoch() -> None:
    data = numbered(80)
    seen = torch.cat([labels_of(data.train_batch(step, 25, seed=0)) for step in range(2)])
    assert num_distinct(seen) == 50
    assert torch.equal(
        labels_of(data.train_batch(2, 25, seed=0)),
        labels_of(numbered(80).train_batch(2, 25, seed=0)),
    )
    assert len(labels_of(data.train_batch(2, 25, seed=0))) == 25


def test_finite_data_batches_do_not_depend_on_what_was_asked_before() -> None:
    data = numbered(80)
    steps = [5, 0, 17, 5, 1, 0]
    for step in steps:
        fresh = numbered(80).train_batch(step, 7, seed=4)
        assert torch.equal(labels_of(data.train_batch(step, 7, seed=4)), labels_of(fresh))


def test_finite_data_never_trains_on_held_out_rows() -> None:
    data = numbered(80)
    held = labels_of(data.held_out(10**6, seed=0))
    assert num_distinct(held) == 20
    train = torch.cat([labels_of(data.train_batch(step, 60, seed=0)) for step in range(2)])
    drawn = labels_of(draw(data, 1000))
    assert not torch.isin(torch.cat((train, drawn)), held).any()
    assert num_distinct(drawn) == 60
    assert torch.equal(held[:5], labels_of(data.held_out(5, seed=0)))
    assert not torch.equal(held, labels_of(data.held_out(20, seed=1)))


@pytest.mark.parametrize("n", [5, 20, 1000])
def test_finite_data_reference_pair_is_of_held_out_and_of_training_rows(n: int) -> None:
    data = numbered(80)
    held, train = data.held_out(20, seed=0).x1[:, 0], data.train_rows[:, 0]
    drawn = [data.reference_pair(n, k) for k in range(3)]
    for first, second in drawn:
        assert len(first) == len(second) == min(n, 20)
        assert num_distinct(first) == num_distinct(second) == len(first)
        assert torch.isin(first[:, 0], held).all() and torch.isin(second[:, 0], train).all()
    # Of all held-out rows there is one choice, of fewer there are many.
    for end in (0, 1):
        choices = [frozenset(pair[end][:, 0].tolist()) for pair in drawn]
        assert len(set(choices)) == (1 if end == 0 and n >= 20 else 3)


def test_finite_data_keeps_pairs_and_rows_together() -> None:
    x, x0 = torch.randn(2, 60, 3, generator=keyed_generator(0))
    data, rows = FiniteData(x, x0=x0), {tuple(b.tolist()): a for a, b in zip(x0, x, strict=True)}
    for batch in (data.train_batch(1, 30, seed=2), draw(data, 50), data.held_out(12, seed=0)):
        assert batch.x0 is not None
        for start, end in zip(batch.x0, batch.x1, strict=True):
            assert torch.equal(start, rows[tuple(end.tolist())])


def test_finite_data_keeps_labels_and_rows_together() -> None:
    data = numbered(80)
    for batch in (data.train_batch(1, 30, seed=2), draw(data, 50), data.held_out(20, seed=0)):
        assert torch.equal(batch.x1, torch.stack((labels_of(batch), -labels_of(batch)), 1).float())


def test_finite_data_standardises_by_its_training_rows() -> None:
    x = torch.randn(500, 2, 3, generator=keyed_generator(0)) * 7 + 3
    x[:, 1, 2] = 0.1
    data = FiniteData(x)
    model = (data.train_rows - data.shift) / data.scale
    torch.testing.assert_close(model.mean(0), torch.zeros(2, 3), rtol=0, atol=1e-5)
    std = torch.ones(2, 3)
    std[1, 2] = 0.0
    torch.testing.assert_close(model.std(0, correction=0), std)
    assert data.scale[1, 2] == 1
    raw = FiniteData(x, standardize=False)
    assert (raw.shift == 0).all() and (raw.scale == 1).all()


def test_finite_data_of_two_rows_keeps_one_of_each() -> None:
    data = FiniteData(torch.tensor([[1.0], [2.0]]), held_out_fraction=0.01)
    assert data.num_train == 1
    assert {data.train_rows.item(), data.held_out(9, seed=0).x1.item()} == {1.0, 2.0}


def test_digits_are_images_from_minus_one_to_one_with_five_hundred_held_out() -> None:
    data = Digits()
    held = data.held_out(10_000, seed=0)
    assert len(held.x1) == 500 and data.num_train == 1297
    assert data.event_shape == (1, 8, 8)
    model = (data.train_rows - data.shift) / data.scale
    assert model.min() == -1 and model.max() == 1
    assert torch.equal(data.train_rows, data.train_rows.round())
    # A nearest-neighbour rule reads the digits, so images and labels belong together.
    train = data.train_batch(0, 1297, seed=0)
    nearest = torch.cdist(held.x1.flatten(1), train.x1.flatten(1)).argmin(dim=1)
    assert (labels_of(train)[nearest] == labels_of(held)).double().mean() > 0.95


@pytest.mark.parametrize(
    ("name", "rows", "columns", "classes"),
    [("breast_cancer", 569, 30, 2), ("iris", 150, 4, 3), ("wine", 178, 13, 3)],
)
def test_table_has_its_documented_size_and_classes(
    name: str, rows: int, columns: int, classes: int
) -> None:
    data = Table(name=name)
    held = data.held_out(rows, seed=0)
    assert data.num_train + len(held.x1) == rows
    assert data.event_shape == (columns,)
    assert num_distinct(labels_of(draw(data, 2000))) == classes
    model = (data.train_rows.double() - data.shift) / data.scale
    torch.testing.assert_close(
        model.std(0, correction=0), torch.ones(columns).double(), rtol=1e-4, atol=0
    )


def test_table_without_classes_has_no_labels() -> None:
    data = Table(name="diabetes")
    assert draw(data, 3).label is None and data.event_shape == (10,)


@pytest.mark.parametrize(
    ("build", "message"),
    [
        (
            lambda: Table(name="whine"),
            "Table.name: expected one of breast_cancer, diabetes, iris, wine, got 'whine'",
        ),
        (lambda: Digits(held_out_fraction=0), "Digits.held_out_fraction: expected a number in (0"),
        (lambda: FiniteData(torch.ones(1, 2)), "FiniteData.x: expected at least 2 rows, got 1"),
        (lambda: FiniteData(torch.ones(3)), "FiniteData.x: expected shape (rows, *event)"),
        (
            lambda: FiniteData(torch.ones(3, 1), torch.ones(2)),
            "FiniteData.label: expected a class 0, 1, ... or a vector of finite real numbers for ",
        ),
        (
            lambda: FiniteData(torch.ones(3, 1), x0=torch.ones(3, 2)),
            "FiniteData.x0: expected shape (3, 1), got (3, 2)",
        ),
        (
            lambda: FiniteData(torch.ones(3, 2), x0=torch.tensor(NAN_ROWS)),
            "FiniteData.x0: expected no NaN and no infinite values (the first is in row 1, cou",
        ),
        (
            lambda: FiniteData(torch.tensor(NAN_ROWS)),
            "FiniteData.x: expected no NaN and no infinite values (the first is in row 1, coun",
        ),
        (
            lambda: numbered(80).train_batch(0, 31, seed=0, world_size=2),
            "batch_size: expected at most the 60 training rows of FiniteData, over all ranks",
        ),
    ],
)
def test_finite_data_refuses_bad_arguments_by_name(
    build: Callable[[], object], message: str
) -> None:
    with pytest.raises(ValueError) as error:
        build()
    assert str(error.value).startswith(message)


def test_finite_data_holds_out_every_row_equally_often() -> None:
    """Over 400 seeds, each of 20 rows is held out with probability 1/4, wherever it is."""
    rows = torch.arange(20.0)[:, None]
    counts = torch.zeros(20)
    for seed in range(400):
        data = FiniteData(rows, held_out_fraction=0.25, split_seed=seed)
        held = data.held_out(20, seed=0).x1.flatten().long()
        assert len(held) == 5 and len(data.train_rows) == 15
        counts[held] += 1
    assert (counts / 400 - 0.25).abs().max() < 5 * (0.25 * 0.75 / 400) ** 0.5


def test_finite_data_draws_every_training_row_equally_often() -> None:
    data = numbered(80)
    counts = torch.bincount(labels_of(draw(data, 12_000)), minlength=80)
    counts = counts[counts > 0]
    assert len(counts) == 60
    assert (counts / 12_000 - 1 / 60).abs().max() < 5 * (1 / 60 / 12_000) ** 0.5


def test_finite_data_batches_mix_rows_of_all_places() -> None:
    """The first half of the file is in half of each batch, on average over many."""
    data = numbered(80)
    ordered = data.train_rows[:, 0].sort().values
    first = torch.cat(
        [data.train_batch(3 * k, 20, seed=k).x1[:, 0] < ordered[30] for k in range(100)]
    )
    assert abs(float(first.float().mean()) - 0.5) < 5 * 0.5 / len(first) ** 0.5


def test_large_rows_in_memory_point_to_the_mapped_file(monkeypatch, capsys):
    x = torch.randn(64, 2)
    FiniteData(x)
    assert capsys.readouterr().err == ""
    monkeypatch.setattr("interpolants.data.finite._MUCH", x.nbytes)
    FiniteData(x)
    assert "; data=array reads them from their file instead\n" in capsys.readouterr().err
