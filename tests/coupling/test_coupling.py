"""Couplings, against brute force."""

import itertools

import pytest
import torch

from interpolants.coupling.independent import IndependentCoupling
from interpolants.coupling.minibatch_ot import MinibatchOTCoupling
from interpolants.coupling.paired import PairedCoupling


def _cost(x0, x1):
    return (x0 - x1).square().sum().item()


def _cheapest(x0, x1):
    orders = itertools.permutations(range(len(x0)))
    return min(_cost(x0[list(order)], x1) for order in orders)


@pytest.mark.parametrize("shape", [(6, 2), (6, 6), (6, 2, 3), (1, 2)])
@pytest.mark.parametrize("seed", range(3))
def test_minibatch_ot_is_as_cheap_as_any_permutation(shape, seed):
    x0, x1 = torch.randn(2, *shape, generator=torch.Generator().manual_seed(seed))
    got = MinibatchOTCoupling().pair(x0, x1).x0
    assert _cost(got, x1) == pytest.approx(_cheapest(x0, x1), rel=1e-5)


def test_minibatch_ot_sorts_in_one_dimension():
    x0, x1 = torch.randn(2, 200, 1, generator=torch.Generator().manual_seed(1))
    got = MinibatchOTCoupling().pair(x0, x1).x0
    assert torch.equal(got[x1.flatten().argsort()].flatten(), x0.flatten().sort().values)


def test_minibatch_ot_by_class_never_pairs_across_classes_and_is_optimal_within():
    generator = torch.Generator().manual_seed(2)
    label = torch.tensor([1, 0, 1, 1, 0, 2, 0, 1, 0])
    x0, x1 = torch.randn(2, 9, 2, generator=generator)
    x1 = x1 + 3 * label[:, None]
    got = MinibatchOTCoupling().pair(x0, x1, label).x0
    source = (got[:, None] == x0).all(dim=2).nonzero()[:, 1]
    assert sorted(source.tolist()) == list(range(9))
    assert torch.equal(label[source], label)
    for k in range(3):
        rows = label == k
        assert _cost(got[rows], x1[rows]) == pytest.approx(_cheapest(x0[rows], x1[rows]), rel=1e-5)


def test_minibatch_ot_blind_to_classes_is_cheaper_than_by_class():
    generator = torch.Generator().manual_seed(3)
    label = torch.arange(40) % 2
    x0, x1 = torch.randn(2, 40, 2, generator=generator)
    x1 = x1 + 3 * label[:, None]
    blind = MinibatchOTCoupling(condition_aware=False).pair(x0, x1, label).x0
    aware = MinibatchOTCoupling().pair(x0, x1, label).x0
    assert torch.equal(blind, MinibatchOTCoupling().pair(x0, x1).x0)
    assert _cost(blind, x1) < _cost(aware, x1) < _cost(x0, x1)


@pytest.mark.parametrize("coupling", [IndependentCoupling(), PairedCoupling()])
def test_coupling_keeps_pairs_as_they_come(coupling):
    x0, x1 = torch.randn(2, 5, 2)
    assert torch.equal(coupling.pair(x0, x1).x0, x0)


def test_couplings_declare_what_they_are():
    couplings = (IndependentCoupling(), PairedCoupling(), MinibatchOTCoupling())
    assert [c.independent for c in couplings] == [True, False, False]
    assert [c.needs_pairs for c in couplings] == [False, True, False]


def test_optimal_transport_in_parts_permutes_within_them_at_the_least_cost():
    x0, x1 = torch.randn(2, 10, 2, generator=torch.Generator().manual_seed(0))
    parts = MinibatchOTCoupling(rows=4).pair(x0, x1, None, None).x0
    whole = MinibatchOTCoupling()
    for rows in (slice(0, 4), slice(4, 8), slice(8, 10)):
        assert torch.equal(parts[rows], whole.pair(x0[rows], x1[rows], None, None).x0)
    with pytest.raises(
        ValueError, match=r"^MinibatchOTCoupling\.rows: expected a whole number ab"
    ):
        MinibatchOTCoupling(rows=1)
