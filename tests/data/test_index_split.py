"""Splits and orders by index: each row once, fixed by its index, random, in no memory."""

import pytest
import torch

from interpolants.data.index_split import BLOCK, IndexSplit, permuted


def _sides(total, fraction=0.2, seed=0):
    split = IndexSplit("A", total, fraction, seed)
    return [split.places(torch.arange(split.count(side)), side) for side in (False, True)]


@pytest.mark.parametrize("n", [1, 2, 7, 64, 1000, 4097])
def test_permuted_numbers_are_all_numbers(n):
    order = permuted(torch.arange(n), n, 3, 4)
    assert order.sort()[0].equal(torch.arange(n))
    few = torch.tensor([n - 1, 0])
    assert permuted(few, n, 3, 4).equal(order[few])
    assert n < 64 or not permuted(torch.arange(n), n, 3, 5).equal(order)


@pytest.mark.parametrize("n", [4, 20_000])
def test_permutations_are_equally_likely(n):
    draws, bins = 4000, 4
    if n < 100:
        where = torch.stack([permuted(torch.tensor([0, n - 1]), n, 1, k) for k in range(draws)])
    else:
        both = torch.tensor([0, n - 1]).repeat(draws)
        streams = torch.arange(draws).repeat_interleave(2)
        where = permuted(both, n, 1, stream=streams).view(draws, 2)
    counts = torch.bincount((where * bins // n * torch.tensor([bins, 1])).sum(1), minlength=16)
    # Of two different numbers, in the order of rows and columns.
    alone = torch.eye(bins).flatten() * (0 if n == bins else n // bins * (n // bins - 1))
    apart = (1 - torch.eye(bins).flatten()) * (n // bins) ** 2
    expected = draws * (alone + apart) / (n * (n - 1))
    kept = expected > 0
    # A chi-square of 15 degrees of freedom exceeds 50 once in 80,000 times.
    assert (counts[~kept] == 0).all()
    assert ((counts - expected)[kept] ** 2 / expected[kept]).sum() < 50


def test_permutation_of_a_large_set_costs_nothing_and_repeats_nothing():
    n = 10**12
    order = permuted(torch.arange(5000), n, 1)
    assert ((order >= 0) & (order < n)).all() and len(order.unique()) == 5000
    # Uniform: the mean of 5,000 within five standard errors.
    assert abs(order.double().mean() / n - 0.5) < 5 / (12 * 5000) ** 0.5


@pytest.mark.parametrize("total", [60, BLOCK - 1, BLOCK, 2 * BLOCK + 345])
def test_each_row_is_on_one_side_once(total):
    train, held = _sides(total)
    assert torch.cat([train, held]).sort()[0].equal(torch.arange(total))
    blocks = total // BLOCK
    assert (held < blocks * BLOCK).sum() == blocks * round(0.2 * BLOCK)
    rest = total - blocks * BLOCK
    # Of a part of a block, within five standard deviations.
    assert abs(len(held) - 0.2 * total) <= 1 + 5 * (rest * 0.16) ** 0.5


def test_sides_depend_on_the_index_and_the_seed_alone():
    longer = set(_sides(3 * BLOCK + 7)[1].tolist())
    for total in (50, 400, BLOCK, 2 * BLOCK + 5):
        held = set(_sides(total)[1].tolist())
        assert held == {k for k in longer if k < total}
    assert set(_sides(400, seed=1)[1].tolist()) != {k for k in longer if k < 400}
    first, second = ({k % BLOCK for k in longer if k // BLOCK == b} for b in (0, 1))
    assert first != second


@pytest.mark.parametrize("fraction", [0.0, 1e-5, 1.0, "half"])
def test_fraction_that_no_block_can_have_is_refused(fraction):
    with pytest.raises(ValueError, match=r"A\.held_out_fraction: expected a number in \[6\.1e-05"):
        IndexSplit("A", 100, fraction, 0)


def test_side_without_rows_is_refused():
    rule = r"A\.held_out_fraction: expected at least one held-out row, got 0\.001; choose another"
    with pytest.raises(ValueError, match=rule):
        IndexSplit("A", 3, 0.001, 0)
