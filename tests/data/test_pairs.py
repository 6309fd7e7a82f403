"""Paired ends: rows stay together through splits, batches and the model's units."""

import numpy as np
import pytest
import torch
from helpers.compose import train_with

from interpolants.data.pairs import Pairs


@pytest.fixture
def archive(tmp_path):
    x0 = np.random.default_rng(0).normal(size=(300, 2)).astype(np.float32)
    path = tmp_path / "pairs.npz"
    np.savez(path, x0=x0, x1=3 * x0 + 1)
    return str(path)


def test_pairs_stay_together_in_every_batch(archive):
    data = Pairs(path=archive)
    for batch in (
        data.train_batch(7, 32, seed=1),
        data.sample(32, torch.Generator().manual_seed(0)),
        data.held_out(60, seed=0),
    ):
        assert torch.equal(batch.x1, 3 * batch.x0 + 1)


def test_pairs_serve_the_other_end_with_its_own_units(archive):
    data = Pairs(path=archive, side="x0")
    batch = data.held_out(60, seed=0)
    assert batch.x0 is None
    assert torch.equal(3 * batch.x1 + 1, Pairs(path=archive).held_out(60, seed=0).x1)
    assert torch.allclose(Pairs(path=archive).scale, 3 * data.scale)


_ROWS = np.zeros((5, 2))


@pytest.mark.parametrize(
    ("arrays", "arguments", "message"),
    [
        ({"x0": _ROWS, "x1": np.zeros((5, 3))}, {}, "Pairs.path: expected x0 and x1 of one shape"),
        (
            {"x0": _ROWS, "y": _ROWS},
            {},
            "Pairs.path: expected arrays x0 and x1 in {path}, got 'x0",
        ),
        (
            {"x0": _ROWS, "x1": _ROWS.astype(str)},
            {},
            "Pairs.path: expected real numbers in x1 of {path}, got '<U32'",
        ),
        (
            {"x0": _ROWS, "x1": np.array([{}] * 5)},
            {},
            "Pairs.path: expected arrays of numbers in {path}, got 'Object arrays cannot be",
        ),
        (
            {"x0": _ROWS + np.nan, "x1": _ROWS},
            {},
            "Pairs.path: expected no NaN and no infinite values (the first is in row 0,",
        ),
        (
            {"x0": _ROWS[:1], "x1": _ROWS[:1]},
            {},
            "Pairs.path: expected at least 2 rows in x0 of {path}, got 1",
        ),
        (
            {"x0": _ROWS, "x1": _ROWS},
            {"held_out_fraction": 1.0},
            "Pairs.held_out_fraction: expected a number in (0, 1), got 1.0",
        ),
        ({"x0": _ROWS, "x1": _ROWS}, {"side": "x2"}, "Pairs.side: expected x0 or x1, got 'x2'"),
    ],
)
def test_pairs_errors_name_their_own_arguments(arrays, arguments, message, tmp_path):
    path = tmp_path / "pairs.npz"
    np.savez(path, **arrays)
    with pytest.raises(ValueError) as error:
        Pairs(path=str(path), **arguments)
    assert str(error.value).startswith(message.format(path=path))


def test_pairs_need_an_archive_and_fewer_rows_in_a_batch_than_there_are(tmp_path, archive):
    np.save(tmp_path / "rows.npy", _ROWS)
    (tmp_path / "rows.npy").rename(tmp_path / "rows.npz")
    for name, rule in (("rows.npz", "expected arrays x0 and x1 in"), ("no.npz", "an existing")):
        with pytest.raises(ValueError, match=rf"^Pairs\.path: .*{rule}"):
            Pairs(path=str(tmp_path / name))
    with pytest.raises(
        ValueError, match=r"^batch_size: expected at most the 240 training rows of Pairs"
    ):
        Pairs(path=archive).train_batch(0, 241, seed=0)


def test_pairs_reference_their_own_end(archive):
    data, other = Pairs(path=archive), Pairs(path=archive, side="x0")
    for draw in (0, 1):
        for x1, x0 in zip(
            data.reference_pair(9, draw), other.reference_pair(9, draw), strict=True
        ):
            assert torch.equal(x1, 3 * x0 + 1)


def test_paired_coupling_trains_and_samples_from_the_paired_base(archive, tmp_path):
    pairs = ["data=pairs", f"data.path={archive}", "coupling=paired", "base=dataset"]
    base = ["data@base.data=pairs", f"base.data.path={archive}", "base.data.side=x0"]
    report = train_with(tmp_path, *pairs, *base)
    assert report.compared > 0
