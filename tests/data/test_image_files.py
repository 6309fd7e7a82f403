"""Images of a user's array file or folder."""

import pickle

import numpy as np
import pytest
import torch
from helpers.distributions import labels_of
from helpers.image_files import blocks, write_image_folder
from PIL import Image

from interpolants.data.image_file import ImageFile
from interpolants.data.image_folder import ImageFolder
from interpolants.testing import check_data


def _all(data):
    """Images by the side of the split, as whole numbers."""
    return [
        data.rows(torch.arange(data.count(held_out=side)), held_out=side).x1
        for side in (False, True)
    ]


@pytest.mark.parametrize("channels", [1, 3, 4])
@pytest.mark.parametrize("last", [False, True])
def test_image_file_reads_channels_in_either_place(channels, last, tmp_path):
    x = blocks(20, channels, 4, 2)
    np.save(tmp_path / "x.npy", x.transpose(0, 2, 3, 1) if last else x)
    data = ImageFile(path=str(tmp_path / "x.npy"))
    rows = torch.cat(_all(data)).flatten(1)
    assert data.event_shape == (channels, 8, 8) and data.count(held_out=True) == 4
    expected = torch.from_numpy(x).float().flatten(1)
    assert torch.equal(torch.unique(rows, dim=0), torch.unique(expected, dim=0))


@pytest.mark.parametrize("kind", ["int64", "whole", "float64", "float32"])
def test_image_file_converts_other_numbers_to_bytes(kind, tmp_path):
    x = blocks(20, 1, 4, 2)[:, 0]
    made = {"int64": x.astype(np.int64), "whole": x.astype(np.float64)}
    np.save(tmp_path / "x.npy", made.get(kind, (x / 255).astype(kind.replace("whole", "f8"))))
    np.save(tmp_path / "bytes.npy", x)
    data, expected = (ImageFile(path=str(tmp_path / f"{name}.npy")) for name in ("x", "bytes"))
    assert all(torch.equal(*sides) for sides in zip(_all(data), _all(expected), strict=True))


def test_image_file_honours_a_test_set_and_labels(tmp_path):
    x = blocks(30, 1, 4, 2)[:, 0]
    label = np.arange(30).astype(np.uint8)
    arrays = {"x_train": x[:20], "y_train": label[:20, None], "x_test": x[20:]}
    path = str(tmp_path / "x.npz")
    np.savez(path, **arrays, y_test=label[20:, None])
    data = ImageFile(path=path, pad=1)
    for side, part in ((False, x[:20]), (True, x[20:])):
        batch = data.rows(torch.arange(len(part)), held_out=side)
        assert torch.equal(batch.x1[:, 0, 1:-1, 1:-1], torch.from_numpy(part).float())
    assert data.labels().tolist() == [*range(20)]
    assert data.labels(held_out=True).tolist() == [*range(20, 30)]
    # Named arrays alone are split at random, and keep their labels.
    data = ImageFile(path=path, key="x_train", label="y_train", held_out_fraction=0.25)
    held = data.held_out(20, 0)
    assert torch.equal(held.x1[:, 0], torch.from_numpy(x).float()[labels_of(held)])
    assert len(held.x1) == 5


@pytest.mark.parametrize(
    ("arrays", "options", "message"),
    [
        (
            {"x": np.full((4, 2, 2), -0.5)},
            {},
            "path: expected images of bytes, or of numbers from 0 to 1, got -0.5; rescale the",
        ),
        (
            {"x": np.full((4, 2, 2), 300)},
            {},
            "path: expected images of bytes, or of whole numbers from 0 to 255, got 300.0; resc",
        ),
        (
            {"x": np.full((4, 2, 2), 1.5)},
            {},
            "path: expected images of bytes, or of whole numbers from 0 to 255, got 1.5; rescale",
        ),
        ({"x": np.full((4, 2, 2), "a")}, {}, "path: expected images of numbers in the array x, "),
        ({"x": np.zeros((4, 2), np.uint8)}, {}, "path: expected shape (N, H, W), (N, H, W, C) or"),
        ({"x": np.zeros((4, 2, 2, 2), np.uint8)}, {}, "path: expected shape (N, H, W), (N, H, W,"),
        (
            {"x": np.zeros((4, 2, 2), np.uint8), "y": np.arange(3)},
            {"label": "y"},
            "label: expected whole numbers, names, or vectors for 4 images in the array y",
        ),
        (
            {"x": np.zeros((4, 2, 2), np.uint8), "y": np.arange(4)},
            {},
            "key: expected one of x, y, the arrays in {path}, got None",
        ),
        (
            {"x": np.zeros((4, 2, 2), np.uint8)},
            {"key": "z"},
            "key: expected one of the arrays x, got 'z'",
        ),
        (
            {"x": np.zeros((4, 2, 2), np.uint8)},
            {"label": "z"},
            "label: expected one of the arrays x, got 'z'",
        ),
        ({"x": np.array([{}])}, {}, "path: expected arrays of numbers in {path}, got 'Object arr"),
    ],
)
def test_image_file_refuses_by_name(arrays, options, message, tmp_path):
    path = tmp_path / "x.npz"
    np.savez(path, **arrays)
    with pytest.raises(ValueError) as error:
        ImageFile(path=str(path), **options)
    assert str(error.value).startswith(f"ImageFile.{message.format(path=path)}")


def test_image_file_refuses_another_file(tmp_path):
    with pytest.raises(ValueError, match=r"ImageFile\.path: expected a \.npy or \.npz file"):
        ImageFile(path="x.png")
    with pytest.raises(
        ValueError, match=r"ImageFile\.path: expected an existing file, .*relative"
    ):
        ImageFile(path=str(tmp_path / "x.npy"))


def test_image_file_keeps_the_names_of_classes_in_both_sides(tmp_path):
    x = np.random.default_rng(0).integers(0, 256, (6, 4, 4), dtype=np.uint8)
    label = np.array(["dog", "cat", "dog", "owl", "cat", "ant"])
    path = str(tmp_path / "images.npz")
    np.savez(path, x_train=x[:4], y_train=label[:4], x_test=x[4:], y_test=label[4:])
    data = ImageFile(path=path)
    assert data.classes == ("ant", "cat", "dog", "owl")
    assert data.labels().tolist() == [2, 1, 2, 3]
    assert data.labels(held_out=True).tolist() == [1, 0]
    data = ImageFile(path=path, key="x_train", label="y_train", held_out_fraction=0.25)
    assert data.classes == ("cat", "dog", "owl")
    for held_out in (False, True):
        rows, codes = torch.arange(data.count(held_out=held_out)), data.labels(held_out=held_out)
        for image, code in zip(data.pixels(rows, held_out=held_out), codes, strict=True):
            (k,) = (k for k in range(4) if (x[k] == image.numpy()).all())
            assert data.classes[code] == label[k]


def test_image_folder_decodes_squares_with_the_labels_of_their_folders(tmp_path):
    write_image_folder(tmp_path, classes=("dog", "cat"))
    data = ImageFolder(path=str(tmp_path), size=12, held_out_fraction=0.25, split_seed=2)
    assert data.classes == ("cat", "dog") and data.num_classes == 2
    assert (data.num_train, data.count(held_out=True)) == (30, 10)
    # Images are lines 2 to 13 of blocks of 4 x 4; the centred square is 12 x 12.
    expected = blocks(40, 3, 4, 4)[:, :, 2:14, 2:14]
    seen = {}
    for side in (False, True):
        for k, file in enumerate(data._files[side]):
            number = int(file[-7:-4])
            batch = data.rows(torch.tensor([k]), held_out=side)
            assert batch.label.item() == 1 - number % 2
            seen[number] = batch.x1[0]
    assert sorted(seen) == [*range(40)]
    for number, x in seen.items():
        assert torch.equal(x, torch.from_numpy(expected[number]).float())


def test_image_folder_resizes_as_the_whole_images_would_be(tmp_path):
    wide = np.random.default_rng(0).integers(0, 256, (2, 12, 24), dtype=np.uint8)
    expected = []
    for name, x in zip("ab", wide, strict=True):
        Image.fromarray(x).save(tmp_path / f"{name}.png")
        # The middle of 8 columns, each of which is three of the image's.
        small = np.array(Image.fromarray(x).resize((8, 4), Image.Resampling.LANCZOS))[:, 2:6]
        expected.append(torch.from_numpy(small).float())
    data = ImageFolder(path=str(tmp_path), size=4, channels=1, held_out_fraction=0.5)
    for file, x in zip(data._files[0] + data._files[1], _all(data), strict=True):
        assert torch.equal(x[0, 0], expected["ab".index(file[0])])


def test_image_folder_keeps_the_contract_of_data(tmp_path):
    write_image_folder(tmp_path)
    data = ImageFolder(path=str(tmp_path), size=4)
    check_data(data)
    again = pickle.loads(pickle.dumps(data))
    assert torch.equal(again.train_batch(3, 8, 0).x1, data.train_batch(3, 8, 0).x1)
    grey = ImageFolder(path=str(tmp_path), size=6, channels=1, flip=True)
    assert grey.train_batch(0, 4, 0).x1.shape == (4, 1, 6, 6)


def test_image_folder_without_subfolders_has_no_labels(tmp_path, monkeypatch):
    write_image_folder(tmp_path, classes=())
    monkeypatch.chdir(tmp_path.parent)
    data = ImageFolder(path=tmp_path.name, size=4)
    monkeypatch.chdir("/")
    assert data.labels() is None and data.train_batch(0, 4, 0).label is None
    assert data.num_classes == 0


def test_image_folder_turns_images_and_lays_them_on_the_ground(tmp_path):
    x = np.zeros((4, 4, 4), np.uint8)
    x[:2, :, 0], x[:, :2, 3] = 255, 255
    Image.fromarray(x).save(tmp_path / "a.png")
    exif = Image.Exif()
    exif[0x0112] = 3  # upside down
    Image.fromarray(x[..., :3]).save(tmp_path / "b.png", exif=exif)
    data = ImageFolder(path=str(tmp_path), size=4, held_out_fraction=0.5)
    images = torch.cat(_all(data))
    upright = torch.from_numpy(x[..., :3]).permute(2, 0, 1).float()
    sides = [data._files[0][0], data._files[1][0]]
    # What is transparent does not show, and is white.
    laid = upright.where(torch.tensor([True, True, False, False]), 255)
    assert torch.equal(images[sides.index("a.png")], laid)
    assert torch.equal(images[sides.index("b.png")], upright.flip(-2))


@pytest.mark.parametrize("content", ["empty", "text", "cut", "deep"])
def test_image_folder_names_a_broken_file(content, tmp_path):
    write_image_folder(tmp_path, n=4, classes=())
    path = tmp_path / "002.png"
    whole = path.read_bytes()
    if content == "deep":
        Image.fromarray(np.full((12, 16), 40_000, np.uint16)).save(path)
    else:
        path.write_bytes(
            {"empty": b"", "text": b"hello", "cut": whole[: len(whole) // 2]}[content]
        )
    with pytest.raises(ValueError) as error:
        ImageFolder(path=str(tmp_path), size=4)
    assert str(error.value).startswith(f"ImageFolder.path: expected an image in {path}, got ")
    assert str(error.value).endswith("; remove or replace this file")


def test_image_folder_refuses_by_name(tmp_path):
    where = "ImageFolder.path: expected"
    with pytest.raises(ValueError, match=f"{where} an existing folder"):
        ImageFolder(path=str(tmp_path / "none"), size=4)
    (tmp_path / ".hidden.png").write_bytes(b"")
    (tmp_path / "notes.txt").write_text("")
    with pytest.raises(ValueError, match=f"{where} at least 2 images in {tmp_path}, got 0"):
        ImageFolder(path=str(tmp_path), size=4)
    write_image_folder(tmp_path, n=4)
    (tmp_path / "alone.png").write_bytes(b"")
    with pytest.raises(ValueError, match=f"{where} images in {tmp_path}, or in folders in it"):
        ImageFolder(path=str(tmp_path), size=4)
    with pytest.raises(ValueError, match=r"ImageFolder\.channels: expected 1, 2, 3 or 4, got 5"):
        ImageFolder(path=str(tmp_path), size=4, channels=5)
    with pytest.raises(ValueError, match=r"ImageFolder\.fit: expected crop or pad, got 'squash'"):
        ImageFolder(path=str(tmp_path), size=4, fit="squash")
    with pytest.raises(ValueError, match=r"ImageFolder\.size: .*\[height, width\], got \[4\]"):
        ImageFolder(path=str(tmp_path), size=[4])
    with pytest.raises(ValueError, match=r"ImageFolder\.size: expected a whole number > 0, got 0"):
        ImageFolder(path=str(tmp_path), size=0)
