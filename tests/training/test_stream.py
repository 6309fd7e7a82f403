"""Streams of steps: where chunks end, and what a continued run gets."""

import pytest
import torch

from interpolants.data.moons import Moons
from interpolants.training.stream import StepStream


def _chunks(first, *, steps_per_batch=5, max_steps=18):
    stream = StepStream(
        Moons(),
        batch_size=4,
        seed=3,
        steps_per_batch=steps_per_batch,
        max_steps=max_steps,
        next_step=lambda: first,
    )
    return list(stream)


@pytest.mark.parametrize(
    ("first", "ends"), [(0, [5, 10, 15, 18]), (7, [10, 15, 18]), (10, [15, 18]), (18, [])]
)
def test_stream_chunks_end_at_multiples_of_their_length(first, ends):
    """Also after a stop between them, since validations and checkpoints count whole chunks."""
    chunks = _chunks(first)
    assert [chunk[-1].number + 1 for chunk in chunks] == ends
    assert [step.number for chunk in chunks for step in chunk] == list(range(first, 18))


def test_stream_continues_with_the_batches_of_an_uninterrupted_run():
    whole = [step.batch.x1 for chunk in _chunks(0) for step in chunk]
    rest = [step.batch.x1 for chunk in _chunks(7) for step in chunk]
    assert all(torch.equal(a, b) for a, b in zip(whole[7:], rest, strict=True))


def test_stream_draws_by_the_seed_and_the_rank_of_its_process():
    asked, data = [], Moons()

    class Recording:
        def train_batch(self, *key):
            asked.append(key)
            return data.train_batch(*key)

    options = {"batch_size": 8, "steps_per_batch": 2, "max_steps": 3, "next_step": lambda: 1}
    first, last = StepStream(Recording(), seed=5, ranks=lambda: (1, 2), **options)
    assert asked == [(1, 4, 5, 1, 2), (2, 4, 5, 1, 2)]
    assert [step.number for step in (*first, *last)] == [1, 2]
    assert torch.equal(last[0].batch.x1, data.train_batch(2, 8, 5).x1[4:])
