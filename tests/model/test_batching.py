"""Chunk sizes for sampling."""

import torch
from helpers.problems import TARGET, exact_fields, load

from interpolants.model import batching as chunks
from interpolants.model.batching import chunk_rows, ranges, rows_at_once
from interpolants.model.model import Model


def test_chunk_rows_are_powers_of_two_of_a_million_numbers():
    shapes = {(2,): 2**14, (1, 8, 8): 2**14, (1, 28, 28): 2**10, (3, 32, 32): 2**8, (10**7,): 1}
    assert {shape: chunk_rows(shape) for shape in shapes} == shapes


def test_chunk_rows_on_a_cpu_are_a_quarter_but_for_small_samples():
    for shape in ((1, 28, 28), (3, 32, 32)):
        assert rows_at_once(shape, torch.device("cuda")) == chunk_rows(shape)
        assert 4 * rows_at_once(shape, torch.device("cpu")) == chunk_rows(shape)
    assert rows_at_once((2,), torch.device("cpu")) == 2**14


def test_chunk_ranges_cover_all_once():
    assert ranges(7, 3) == [(0, 3), (3, 6), (6, 7)]
    assert ranges(3, 3) == [(0, 3)]


def test_chunks_of_a_model_are_as_large_as_suits_its_samples(monkeypatch):
    fields = exact_fields(load("interpolant", "one_sided_linear"), ("velocity",))
    model = Model(fields=fields, event_shape=(2,))
    rows = []
    fields.net.register_forward_pre_hook(lambda _, inputs: rows.append(len(inputs[1])))
    x = TARGET.held_out(100, 0).x1
    whole, density = model.sample(100).x, model.log_prob(x).value
    assert max(rows) == 100
    rows.clear()
    monkeypatch.setattr(chunks, "_NUMBERS_ON_CPU", 65)
    torch.testing.assert_close(model.sample(100).x, whole, rtol=0, atol=1e-5)
    torch.testing.assert_close(model.log_prob(x).value, density, rtol=0, atol=1e-4)
    assert max(rows) == 32
    rows.clear()
    model.sample(100, chunk_size=50)
    assert max(rows) == 50
