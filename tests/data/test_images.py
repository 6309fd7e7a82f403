"""Images in memory: bytes, units, flips, and reproducible batches."""

import pickle
import random
from concurrent.futures import ThreadPoolExecutor

import pytest
import torch
from helpers.distributions import labels_of
from helpers.image_files import blocks
from torch.utils.data import DataLoader

from interpolants.data.digits import Digits
from interpolants.data.images import Images, LabelledImages
from interpolants.data.photo_patches import PhotoPatches
from interpolants.data.pixels import dequantised, to_uint8
from interpolants.space.logit import LogitSpace
from interpolants.testing import check_data
from interpolants.utils.seeds import keyed_generator


def _labelled(n, seed=0, labelled=True):
    x = torch.from_numpy(blocks(n, 3, 4, 2, seed))
    return LabelledImages(x, torch.arange(n) if labelled else None)


def _images(**options):
    return Images(_labelled(60), _labelled(20, 1), **options)


def test_images_are_kept_in_bytes_and_seen_from_minus_one_to_one():
    train = LabelledImages(torch.tensor([0, 255], dtype=torch.uint8).view(2, 1, 1, 1))
    data = Images(train, train)
    assert data._sides[0].x is train.x
    x = data.train_batch(0, 2, 0).x1
    assert x.dtype == torch.float32 and sorted(x.flatten().tolist()) == [0, 255]
    assert sorted(((x - data.shift) / data.scale).flatten().tolist()) == [-1, 1]
    assert not data.standardized and data.num_classes == 0


def test_images_of_the_test_set_are_held_out():
    data = _images()
    train, test = (part.x.float() for part in (_labelled(60), _labelled(20, 1)))
    for batch in (data.train_batch(5, 30, 1), data.sample(50, keyed_generator(0))):
        assert torch.equal(batch.x1, train[labels_of(batch)])
    held = data.held_out(100, 3)
    assert torch.equal(held.x1, test[labels_of(held)]) and len(held.x1) == 20
    assert data.num_classes == 60 and len(data.labels()) == 60
    known = torch.cat(list(data.known_rows()))
    assert torch.equal(known, torch.cat([train, test]))


def test_images_without_a_test_set_are_split_once():
    data = Images(_labelled(50), held_out_fraction=0.2, split_seed=4)
    train, held = data.labels(), data.labels(held_out=True)
    assert len(held) == 10
    assert torch.equal(torch.cat([train, held]).sort().values, torch.arange(50))
    assert not torch.equal(held, Images(_labelled(50), split_seed=5).labels(held_out=True))


def test_images_keep_the_contract_of_data():
    check_data(_images())
    check_data(PhotoPatches(size=4, stride=16), later=True)


def test_images_flip_half_of_a_training_batch_and_nothing_else():
    plain, data = _images(), _images(flip=True)
    flips = []
    for step in range(400):
        before, after = (each.train_batch(step, 20, 7).x1 for each in (plain, data))
        kept = (before == after).flatten(1).all(dim=1)
        assert torch.equal(after, torch.where(kept.view(-1, 1, 1, 1), before, before.flip(-1)))
        flips.append(~kept)
    count = int(torch.cat(flips).sum())
    assert abs(count - 4000) < 5 * 2000**0.5
    assert len({tuple(flip.tolist()) for flip in flips}) > 390
    for draw in (
        lambda d: d.held_out(20, 0).x1,
        lambda d: d.sample(30, keyed_generator(1)).x1,
        lambda d: d.fitting_batch().x1,
        lambda d: torch.cat(d.reference_pair(10)),
    ):
        assert torch.equal(draw(plain), draw(data))


@pytest.mark.parametrize("flip", [False, True])
def test_images_of_ranks_are_the_rows_of_one_process(flip):
    data = _images(flip=flip)
    for step in range(5):
        whole = data.train_batch(step, 20, 3)
        parts = [data.train_batch(step, 5, 3, rank, 4) for rank in range(4)]
        assert torch.equal(torch.cat([part.x1 for part in parts]), whole.x1)
        assert torch.equal(torch.cat([part.label for part in parts]), whole.label)


def test_images_are_padded_with_black():
    plain, padded = _images(), _images(pad=2)
    assert padded.event_shape == (3, 12, 12) == tuple(padded.shift.shape)
    x, y = (data.train_batch(0, 20, 0).x1 for data in (plain, padded))
    assert torch.equal(y[..., 2:-2, 2:-2], x)
    assert y.sum() == x.sum()


def test_images_fit_on_a_fixed_choice_of_many(monkeypatch):
    monkeypatch.setattr("interpolants.data.image_data._MOST_FIT_ROWS", 25)
    data = _images()
    batch = data.fitting_batch()
    assert len(batch.x1) == 25 and len(set(batch.label.tolist())) == 25
    assert torch.equal(batch.x1, _images().fitting_batch().x1)
    assert [len(rows) for rows in data.known_rows()] == [25, 25, 10, 20]


def test_images_outside_a_space_are_found_in_every_part(monkeypatch):
    monkeypatch.setattr("interpolants.data.image_data._MOST_FIT_ROWS", 5)
    x = torch.full((30, 1, 1, 1), 100, dtype=torch.uint8)
    space = LogitSpace(low=50, high=200)
    Images(LabelledImages(x), LabelledImages(x)).chart_units(space)
    last = x.clone()
    last[-1] = 255
    with pytest.raises(ValueError, match="LogitSpace"):
        Images(LabelledImages(x), LabelledImages(last)).chart_units(space)


class _Steps:
    """What a loader's workers are asked for: batches by step."""

    def __init__(self, data):
        self.data = data

    def __len__(self):
        return 24

    def __getitem__(self, step):
        return self.data.train_batch(step, 20, 1).x1


def test_images_are_the_same_in_any_order_from_threads_and_from_workers():
    expected = [_images(flip=True).train_batch(step, 20, 1).x1 for step in range(24)]
    data = _images(flip=True)
    assert torch.equal(pickle.loads(pickle.dumps(data)).train_batch(3, 20, 1).x1, expected[3])
    # Steps of one order, and neighbours of other epochs, so that orders are made all the time.
    steps = [*range(24)] * 20
    random.Random(0).shuffle(steps)
    with ThreadPoolExecutor(4) as pool:
        for step, x in zip(steps, pool.map(_Steps(data).__getitem__, steps), strict=True):
            assert torch.equal(x, expected[step])
    loader = DataLoader(_Steps(data), batch_size=None, num_workers=2)
    assert all(torch.equal(x, y) for x, y in zip(loader, expected, strict=True))


def test_pixels_are_rounded_half_to_even_within_a_byte():
    x = torch.tensor([-3.0, -0.5, 0.5, 1.5, 2.5, 2.51, 254.5, 255.4, 300.0])
    assert to_uint8(x).tolist() == [0, 0, 0, 2, 2, 3, 254, 255, 255]
    assert to_uint8(x).dtype == torch.uint8
    every = torch.arange(256)
    assert torch.equal(to_uint8(every.float()), every.to(torch.uint8))


def test_pixels_dequantised_are_uniform_around_each_and_round_back():
    x = torch.arange(256.0).repeat(1000, 1)
    noisy = dequantised(x, keyed_generator(0))
    assert torch.equal(to_uint8(noisy).float(), x) and noisy.dtype == torch.float32
    u = (noisy - x).double()
    n = u.numel()
    assert u.abs().max() < 0.5 and u.abs().max() > 0.4999
    assert abs(u.mean()) < 4.5 / (12 * n) ** 0.5
    assert abs(u.square().mean() - 1 / 12) < 4.5 / (180 * n) ** 0.5
    # No two pixels share their noise.
    assert abs((u[:, 1:] * u[:, :-1]).mean()) < 4.5 / (12 * n**0.5)


def test_pixels_bound_on_bits_is_the_entropy_where_the_density_is_constant():
    """-E log2 p(x + u) of a density that is constant in each cell is the entropy of the pixels."""
    weights = torch.tensor([0.5, 0.25, 0.125, 0.125])
    x = torch.multinomial(weights, 20_000, replacement=True, generator=keyed_generator(0)).float()
    y = dequantised(x, keyed_generator(1))
    bits = -weights[(y + 0.5).floor().long()].log2().mean()
    assert abs(bits - 1.75) < 4.5 * 0.83 / 20_000**0.5


def test_digits_are_dequantised_and_have_ten_classes():
    data = Digits()
    x = data.held_out(50, 0).x1
    y = data.dequantised(x, keyed_generator(0))
    assert torch.equal(y.round(), x) and not torch.equal(x, y)
    assert data.num_classes == 10


def test_photo_patches_of_training_and_held_out_share_no_row():
    data = PhotoPatches(size=8, stride=8)
    photo = PhotoPatches(size=1, stride=1)
    assert data.event_shape == (3, 8, 8) and data.num_classes == 2
    # Squares of one pixel are the photographs: four fifths of 427 lines, and the rest.
    assert [photo.count(held_out=side) for side in (False, True)] == [2 * 342 * 640, 2 * 85 * 640]
    first = photo.rows(torch.arange(8 * 640)).x1.view(8, 640, 3)[:, :8]
    assert torch.equal(data.rows(torch.tensor([0])).x1[0], first.permute(2, 0, 1))


@pytest.mark.parametrize(
    ("build", "message"),
    [
        (
            lambda: Images(LabelledImages(torch.zeros(4, 1, 2, 2))),
            "Images.train: expected uint8 images of shape (N, C, H, W), got (torch.float32, (4, ",
        ),
        (lambda: Images(_labelled(1)), "Images.train: expected at least 2 images, got 1"),
        (
            lambda: Images(_labelled(4)._replace(label=torch.arange(3))),
            "Images.train: expected a class 0, 1, ... or a vector of finite real numbers ",
        ),
        (
            lambda: Images(_labelled(4)._replace(label=torch.arange(4) - 1)),
            "Images.train: expected a class 0, 1, ... or a vector of finite real numbers ",
        ),
        (
            lambda: Images(_labelled(4), _labelled(4, labelled=False)),
            "Images.test: expected images of shape (3, 8, 8) with labels, got (3, 8, 8)",
        ),
        (lambda: _images(pad=-1), "Images.pad: expected a whole number >= 0, got -1"),
        (
            lambda: _images().train_batch(0, 31, 0, world_size=2),
            "batch_size: expected at most the 60 training rows of Images, over all ranks, got 62",
        ),
        (lambda: PhotoPatches(size=65), "PhotoPatches.size: expected a whole number from 1 to 64"),
        (lambda: PhotoPatches(stride=0), "PhotoPatches.stride: expected a whole number from 1 to"),
    ],
)
def test_images_refuse_bad_arguments_by_name(build, message):
    with pytest.raises(ValueError) as error:
        build()
    assert str(error.value).startswith(message)
