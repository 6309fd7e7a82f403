"""Paired ends: rows stay together through splits, batches and the model's units."""

import numpy as np
import pytest
import torch
from compose import train_with

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


def test_pairs_refuse_ends_of_different_shapes(tmp_path):
    path = tmp_path / "pairs.npz"
    np.savez(path, x0=np.zeros((5, 2)), x1=np.zeros((5, 3)))
    with pytest.raises(ValueError, match=r"Pairs\.path: expected x0 and x1 of one shape"):
        Pairs(path=str(path))


def test_paired_coupling_trains_and_samples_from_the_paired_base(archive, tmp_path):
    pairs = ["data=pairs", f"data.path={archive}", "coupling=paired", "base=dataset"]
    base = ["data@base.data=pairs", f"base.data.path={archive}", "base.data.side=x0"]
    report = train_with(tmp_path, *pairs, *base)
    assert report.compared > 0
