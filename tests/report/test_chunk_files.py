"""Ranges of missing samples, and files of chunks of samples."""

import numpy as np
import pytest
import torch

from interpolants.report.chunk_files import ChunkFiles, missing_ranges
from interpolants.sampler.samples import Samples

_ORIGIN = {"seed": 0, "sampler": {"num_steps": 16, "cut": 0.001}, "start": None}


def _random_ranges(generator, most):
    count = int(torch.randint(0, 8, (), generator=generator))
    ends = torch.randint(0, most, (count, 2), generator=generator).tolist()
    return [(min(pair), max(pair) + 1) for pair in ends]


def test_missing_ranges_and_those_that_are_there_make_the_whole_once():
    generator = torch.Generator().manual_seed(0)
    for _ in range(500):
        n, size = (int(torch.randint(1, most, (), generator=generator)) for most in (60, 20))
        there = _random_ranges(generator, 80)
        found = missing_ranges(there, n, size)
        covered = {i for first, last in there for i in range(first, last) if i < n}
        drawn = [i for first, last in found for i in range(first, last)]
        assert drawn == sorted(set(range(n)) - covered)
        assert all(0 < last - first <= size for first, last in found)


def test_missing_ranges_of_nothing_are_chunks():
    assert missing_ranges([], 10, 4) == [(0, 4), (4, 8), (8, 10)]
    assert missing_ranges([(0, 4), (8, 20)], 10, 3) == [(4, 7), (7, 8)]


def _samples(first, last, **changes):
    x = torch.arange(first, last).float()[:, None] * torch.ones(2)
    return Samples(**{"x": x, "nfe": 4, "seconds": 0.5, **changes})


def test_chunk_files_give_back_each_sample_once_whatever_their_ranges(tmp_path):
    files = ChunkFiles(tmp_path / "chunks", _ORIGIN)
    for first, last in [(7, 12), (0, 5), (3, 8), (1, 2), (20, 30)]:
        files.write(first, _samples(first, last))
    assert files.ranges() == [(0, 5), (1, 2), (3, 8), (7, 12), (20, 30)]
    for n in (3, 5, 11, 12):
        read = files.read(n)
        assert read.x[:, 1].tolist() == list(range(n))
        assert read.nfe == 4 and read.label is None and read.outside is None
    assert files.read(12).seconds == 1.5
    with pytest.raises(ValueError, match=r"chunks: expected samples 0 to 13, got 'none of number"):
        files.read(13)


def test_chunk_files_keep_labels_and_count_who_left(tmp_path):
    files = ChunkFiles(tmp_path, _ORIGIN)
    gone = _samples(0, 3)
    gone.x[1] = torch.nan
    files.write(0, Samples(x=gone.x, nfe=1, seconds=1.0, outside=1, label=torch.tensor([2, 0, 1])))
    files.write(3, _samples(3, 5, outside=0, label=torch.tensor([1, 1])))
    read = files.read(4)
    assert read.label.tolist() == [2, 0, 1, 1] and read.outside == 1
    assert files.read(1).outside == 0


def test_chunk_files_of_another_origin_are_refused_by_name_and_stay(tmp_path):
    ChunkFiles(tmp_path, _ORIGIN).write(0, _samples(0, 5))
    before = sorted((path, path.read_bytes()) for path in tmp_path.iterdir())
    sampler = {"num_steps": 32, "cut": 0.001}
    cases = {
        "seed: expected 0 as in ": {"seed": 1},
        r"sampler\.num_steps: expected 16 as in .*-00000005\.npz, of a job .*, got 32; ": {
            "sampler": sampler
        },
        "label: expected None as in ": {"label": 3},
    }
    for sentence, change in cases.items():
        other = ChunkFiles(tmp_path, _ORIGIN | change)
        for use in (other.ranges, lambda other=other: other.read(5)):
            with pytest.raises(ValueError, match=f"^{sentence}"):
                use()
    assert sorted((path, path.read_bytes()) for path in tmp_path.iterdir()) == before


def test_chunk_file_that_cannot_be_read_is_named(tmp_path):
    files = ChunkFiles(tmp_path, _ORIGIN)
    files.write(0, _samples(0, 5))
    (path,) = tmp_path.iterdir()
    whole = path.read_bytes()
    np.savez(tmp_path / "plain", x=np.zeros(2))
    for content in (b"", whole[:100], (tmp_path / "plain.npz").read_bytes()):
        path.write_bytes(content)
        with pytest.raises(
            ValueError, match=rf"^{path}: expected a file of samples, got .*delete"
        ):
            files.ranges()


def test_chunk_files_are_cleared_up_to_a_number(tmp_path):
    folder = tmp_path / "chunks"
    files = ChunkFiles(folder, _ORIGIN)
    for first in range(0, 20, 5):
        files.write(first, _samples(first, first + 5))
    (folder / ".00000000-00000005.npz.abc").write_bytes(b"half")
    files.clear(10)
    assert files.ranges() == [(10, 15), (15, 20)]
    files.clear(20)
    assert not folder.exists()
    files.clear(20)


def test_chunk_files_of_a_last_single_sample_are_cleared(tmp_path):
    files = ChunkFiles(tmp_path / "chunks", _ORIGIN)
    for first, last in ((0, 3), (3, 4)):
        files.write(first, _samples(first, last))
    files.clear(4)
    assert not (tmp_path / "chunks").exists()
