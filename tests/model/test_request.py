"""Requests for samples: their rows, file names, records and refusals."""

import json
from functools import partial

import pytest
import torch

from interpolants.model.request import SampleRequest
from interpolants.sampler.sampler import Sampler


def test_rows_are_those_of_every_input_and_keep_their_place_in_the_stream():
    label, start = torch.arange(6), torch.randn(6, 2)
    image = torch.randn(6, 1, 4, 4)
    request = SampleRequest(n=6, seed=3, first=10, label=label, start=start, image=image)
    rows = request.rows(2, 5)
    assert (rows.n, rows.first, rows.seed) == (3, 12, 3)
    for name, whole in (("label", label), ("start", start), ("image", image)):
        assert torch.equal(getattr(rows, name), whole[2:5])
    assert SampleRequest(n=6).rows(2, 5).label is None


def test_factory_has_the_number_of_steps_asked_for_and_the_default_otherwise():
    def default(**options):
        return options

    assert SampleRequest(n=1).factory(default)() == {}
    assert SampleRequest(n=1, num_steps=7).factory(default)() == {"num_steps": 7}
    other = partial(default, num_steps=3)
    assert SampleRequest(n=1, sampler=other, num_steps=7).factory(Sampler)() == {"num_steps": 7}


def test_record_is_plain_data_that_tells_requests_apart():
    request = {"n": 4, "label": torch.tensor([0, 1, 1, 0]), "sampler": partial(Sampler)}
    first, same, other = (
        SampleRequest(**request | change).record() for change in ({}, {}, {"seed": 1})
    )
    assert first == same != other
    assert json.loads(json.dumps(first)) == first


@pytest.mark.parametrize(
    ("change", "rule"),
    [
        ({"n": 0}, "^n: expected a whole number > 0, got 0"),
        ({"seed": 0.5}, "^seed: expected a whole number of at most 63 bits, got 0.5"),
        ({"first": -1}, "^first: expected a whole number >= 0, got -1"),
        ({"num_steps": 0}, "^num_steps: expected a whole number > 0, got 0"),
        ({"chunk_size": 1.5}, "^chunk_size: expected a whole number > 0, got 1.5"),
    ],
    ids=str,
)
def test_request_refuses_numbers_out_of_range(change, rule):
    with pytest.raises(ValueError, match=rule):
        SampleRequest(**{"n": 1} | change)


def test_request_refuses_the_name_of_a_sampler():
    with pytest.raises(ValueError, match=r"^sampler: expected a factory .*'sde'; pass partial"):
        SampleRequest(n=1, sampler="sde")
