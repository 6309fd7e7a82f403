"""Folders of images as people have them: any shape and kind, broken files, splits, links."""

import struct
import zlib

import numpy as np
import pytest
import torch
from helpers.image_files import blocks, write_image_folder
from PIL import Image

from interpolants.data.image_fit import ImageFit
from interpolants.data.image_folder import ImageFolder
from interpolants.testing import check_data


def _fit(image, size, **options):
    return ImageFit(owner="A", size=size, **options).pixels(image)


def _png(width, height, depth, colour, rows):
    """A PNG file of raw rows: Pillow writes no colours of 16 bits."""

    def chunk(name, content):
        check = zlib.crc32(name + content)
        return struct.pack(">I", len(content)) + name + content + struct.pack(">I", check)

    header = struct.pack(">IIBBBBB", width, height, depth, colour, 0, 0, 0)
    content = zlib.compress(b"".join(b"\0" + row for row in rows))
    parts = chunk(b"IHDR", header) + chunk(b"IDAT", content) + chunk(b"IEND", b"")
    return b"\x89PNG\r\n\x1a\n" + parts


@pytest.mark.parametrize("channels", [1, 2, 3, 4])
def test_images_keep_their_channels(channels):
    x = blocks(1, channels, 4, 4)[0]
    image = Image.fromarray(x.transpose(1, 2, 0) if channels > 1 else x[0])
    assert torch.equal(_fit(image, 16, channels=channels), torch.from_numpy(x))


def test_crop_is_the_largest_centred_part_of_the_shape():
    x = np.random.default_rng(0).integers(0, 256, (3, 8, 12), dtype=np.uint8)
    image = Image.fromarray(x.transpose(1, 2, 0))
    assert torch.equal(_fit(image, [8, 4]), torch.from_numpy(x[:, :, 4:8]))
    assert torch.equal(_fit(image, [4, 12]), torch.from_numpy(x[:, 2:6]))


@pytest.mark.parametrize(("channels", "border"), [(1, [9]), (3, [9] * 3), (4, [9, 9, 9, 0])])
def test_pad_keeps_the_whole_image_on_the_ground(channels, border):
    x = blocks(1, channels, 4, 2)[0][:, 2:6]
    image = Image.fromarray(x.transpose(1, 2, 0) if channels > 1 else x[0])
    padded = _fit(image, 8, channels=channels, fit="pad", ground=9)
    assert torch.equal(padded[:, 2:6], torch.from_numpy(x))
    expected = torch.tensor(border, dtype=torch.uint8).view(-1, 1, 1)
    assert (padded[:, :2] == expected).all() and (padded[:, 6:] == expected).all()


@pytest.mark.parametrize("mode", ["RGBA", "LA", "P"])
@pytest.mark.parametrize("channels", [1, 3])
def test_colours_under_transparent_pixels_never_show(mode, channels):
    hidden = Image.new("RGBA", (4, 4), (200, 10, 10, 0))
    if mode == "P":
        image = Image.new("P", (4, 4), 1)
        image.putpalette([0, 0, 0, 200, 10, 10])
        image.info["transparency"] = 1
    else:
        image = hidden.convert(mode)
    assert (_fit(image, 4, channels=channels, ground=30) == 30).all()


@pytest.mark.parametrize("colour", [2, 6], ids=["RGB", "RGBA"])
def test_colours_of_16_bits_are_refused_before_they_are_cut(colour, tmp_path):
    write_image_folder(tmp_path, n=4, classes=())
    rows = [bytes(2 * 4 * (3 if colour == 2 else 4))] * 4
    (tmp_path / "deep.png").write_bytes(_png(4, 4, 16, colour, rows))
    rule = r"expected an image in .*deep\.png, got 'more than 8 bits for a number"
    with pytest.raises(ValueError, match=rule):
        ImageFolder(path=str(tmp_path), size=4, checked=0)
    (tmp_path / "deep.png").write_bytes(_png(4, 4, 8, 2, [bytes(12)] * 4))
    assert ImageFolder(path=str(tmp_path), size=4).num_train == 4


def test_folder_of_a_shape_and_kind_keeps_the_contract(tmp_path):
    x = np.random.default_rng(0).integers(0, 256, (300, 6, 8, 4), dtype=np.uint8)
    for k, pixels in enumerate(x):
        Image.fromarray(pixels).save(tmp_path / f"{k}.png")
    data = ImageFolder(path=str(tmp_path), size=[3, 5], channels=4, fit="pad")
    assert data.event_shape == (4, 3, 5)
    check_data(data)


def test_headers_of_all_files_are_read_and_some_are_decoded(tmp_path):
    write_image_folder(tmp_path, n=20, classes=())
    names = sorted(path.name for path in tmp_path.iterdir())
    whole = {name: (tmp_path / name).read_bytes() for name in names}
    where = "ImageFolder.path: expected an image in"
    for name in (names[7], names[-1]):
        (tmp_path / name).write_bytes(b"text")
        with pytest.raises(ValueError, match=f"{where} {tmp_path / name}, "):
            ImageFolder(path=str(tmp_path), size=4, checked=0)
        (tmp_path / name).write_bytes(whole[name])
    # Half a file has its header: only decoding finds it.
    (tmp_path / names[-1]).write_bytes(whole[names[-1]][: len(whole[names[-1]]) // 2])
    ImageFolder(path=str(tmp_path), size=4, checked=0)
    with pytest.raises(ValueError, match=f"{where} {tmp_path / names[-1]}, "):
        ImageFolder(path=str(tmp_path), size=4, checked=2)


@pytest.mark.parametrize("held_out", ["test", "val"])
def test_subfolders_train_and_test_are_the_split_and_have_the_classes(held_out, tmp_path, capsys):
    write_image_folder(tmp_path / "train", n=8)
    write_image_folder(tmp_path / held_out, n=6, classes=("cat", "owl"))
    data = ImageFolder(path=str(tmp_path), size=4)
    assert (data.num_train, data.count(held_out=True)) == (8, 6)
    assert data.classes == ("cat", "dog", "owl")
    assert data.labels().tolist() == [0] * 4 + [1] * 4
    assert data.labels(held_out=True).tolist() == [0] * 3 + [2] * 3
    said = f"{tmp_path}/train is trained on and {tmp_path}/{held_out} held out\n"
    assert capsys.readouterr().err == f"ImageFolder: {said}"


def test_other_subfolders_beside_train_are_classes(tmp_path, capsys):
    write_image_folder(tmp_path, n=9, classes=("train", "bus", "test"))
    assert ImageFolder(path=str(tmp_path), size=4).classes == ("bus", "test", "train")
    assert capsys.readouterr().err == ""


def test_split_by_subfolders_says_what_it_leaves_out(tmp_path, capsys):
    write_image_folder(tmp_path, n=9, classes=("train", "val", "test"))
    data = ImageFolder(path=str(tmp_path), size=4)
    assert (data.num_train, data.count(held_out=True), data.classes) == (3, 3, ())
    assert capsys.readouterr().err.endswith("/test held out, val not used\n")


def test_linked_files_and_folders_are_counted_once(tmp_path):
    write_image_folder(tmp_path / "images" / "a", n=4, classes=())
    folder = tmp_path / "images"
    (folder / "b").mkdir()
    (folder / "b" / "again.png").symlink_to(folder / "a" / "000.png")
    (folder / "b" / "loop").symlink_to(folder)
    outside = tmp_path / "outside.png"
    outside.write_bytes((folder / "a" / "001.png").read_bytes())
    (folder / "b" / "one.png").symlink_to(outside)
    (folder / "b" / "two.png").symlink_to(outside)
    data = ImageFolder(path=str(folder), size=4)
    names = sorted(name for side in data._files for name in side)
    assert names == [*(f"a/00{k}.png" for k in range(4)), "b/one.png"]
