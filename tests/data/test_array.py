"""Arrays that stay in their files: what is read, when, and what is refused."""

import os
import pickle
import subprocess
import sys

import numpy as np
import pytest
import torch
from helpers.image_files import blocks
from helpers.large_data import rows, write_h5, write_npy, write_zarr

from interpolants.data.array import Array
from interpolants.data.image_file import ImageFile
from interpolants.testing import check_data


def _all(data):
    """Rows of both sides."""
    return [
        data.rows(torch.arange(data.count(held_out=side)), held_out=side) for side in (False, True)
    ]


def _save(folder, kind, n=80):
    """Write the same rows in some format; returns the arguments that name them."""
    if kind in ("npz", "fortran"):
        x, label = rows(n)
        np.savez(folder / "a.npz", x=np.asfortranarray(x) if kind == "fortran" else x, y=label)
        return {"path": str(folder / "a.npz"), "label": "y"}
    write = {"npy": write_npy, "zarr": write_zarr, "h5py": write_h5}[kind]
    given = dict(text.removeprefix("data.").split("=") for text in write(folder, n)[1:])
    return given | {"path": str(folder / given["path"])}


@pytest.mark.parametrize("kind", ["npy", "npz", "fortran", "zarr", "h5py"])
def test_array_of_each_format_has_the_rows_of_its_file(kind, tmp_path):
    if kind in ("zarr", "h5py"):
        pytest.importorskip(kind)
    data = Array(**_save(tmp_path, kind))
    x, label = map(torch.from_numpy, rows())
    for side, batch in zip((False, True), _all(data), strict=True):
        places = data._split.places(torch.arange(len(batch.x1)), side)
        assert torch.equal(batch.x1, x[places]) and torch.equal(batch.label, label[places])
    batch = data.train_batch(5, 8, 1)
    again = pickle.loads(pickle.dumps(data))
    assert torch.equal(again.train_batch(5, 8, 1).x1, batch.x1)
    assert len(pickle.dumps(data)) < 10_000 + 3 * x.nbytes


def test_array_keeps_the_contract_of_data(tmp_path):
    check_data(Array(**_save(tmp_path, "npy", 500)))


def test_array_finds_rows_of_a_label(tmp_path):
    data = Array(**_save(tmp_path, "npy", 500))
    held = data.held_out(20, 0, torch.tensor(2))
    assert len(held.x1) == 20 and (held.label == 2).all()
    first, second = data.reference_pair(20, 0, torch.tensor(1))
    assert len(first) == len(second) == 20
    assert data.num_classes == 3


def test_units_and_fingerprint_are_those_of_the_sample(tmp_path, capsys):
    x = np.random.default_rng(0).normal(3, 2, (4000, 2)).astype(np.float32)
    path = str(tmp_path / "a.npy")
    np.save(path, x)
    data = Array(path=path, sample_rows=1000)
    few = data.fitting_batch().x1
    said = f"fingerprint from 1000 and {data.count(held_out=True)} of them (sample_rows)"
    assert len(few) == 1000 and said in capsys.readouterr().err
    torch.testing.assert_close(data.shift, few.mean(0))
    torch.testing.assert_close(data.scale, few.std(0, correction=0))
    inside = int(data._sampled(False)[0])
    outside = min(set(range(4000)) - set(torch.cat([data._sampled(k) for k in (0, 1)]).tolist()))
    for row, differs in ((inside, True), (outside, False)):
        changed = x.copy()
        changed[row] += 1e-3
        np.save(path, changed)
        again = Array(path=path, sample_rows=1000).fingerprint()
        assert (again != data.fingerprint()) == differs


def test_array_that_grows_keeps_the_side_of_its_rows(tmp_path):
    x = np.random.default_rng(0).normal(size=(300, 2)).astype(np.float32)
    held = []
    for n in (200, 300):
        np.save(tmp_path / "a.npy", x[:n])
        data = Array(path=str(tmp_path / "a.npy"))
        held.append({tuple(row) for row in _all(data)[1].x1.tolist()})
    assert held[0] == held[1] & {tuple(row) for row in x[:200].tolist()}


@pytest.mark.parametrize("value", [np.nan, np.inf, -np.inf])
def test_batch_with_a_value_that_is_not_finite_names_its_row(value, tmp_path):
    x = np.random.default_rng(0).normal(size=(300, 2)).astype(np.float32)
    path = str(tmp_path / "a.npy")
    np.save(path, x)
    data = Array(path=path, sample_rows=20)
    bad = next(k for k in range(300) if k not in data._sampled(False).tolist())
    while bad in data._sampled(True).tolist() or bad not in data._split.places(
        torch.arange(data.num_train), False
    ):
        bad += 1
    x[bad, 1] = value
    np.save(path, x)
    rule = rf"Array\.path: expected no NaN .* \(the first is in row {bad}, counted from 0\), got 1"
    data = Array(path=path, sample_rows=20)
    with pytest.raises(ValueError, match=rule):
        for step in range(data.num_train // 20):
            data.train_batch(step, 20, 0)


def test_label_outside_of_the_sample_names_its_row(tmp_path):
    x, label = np.random.default_rng(0).normal(size=(300, 2)), np.zeros(300, int)
    label[::2] = 1
    np.savez(tmp_path / "a.npz", x=x, y=label)
    given = {"path": str(tmp_path / "a.npz"), "label": "y", "sample_rows": 20}
    data = Array(**given)
    seen = torch.cat([data._sampled(k) for k in (False, True)]).tolist()
    train = data._split.places(torch.arange(data.num_train), False).tolist()
    row = next(k for k in train if k not in seen)
    label[row] = 2
    np.savez(tmp_path / "a.npz", x=x, y=label)
    rule = rf"expected classes 0 to 1, .*, got '2 in row {row}, counted from 0'; set num_classes"
    with pytest.raises(ValueError, match=rule):
        Array(**given).rows(torch.arange(data.num_train))
    data = Array(**given, num_classes=3)
    assert (
        data.num_classes == 3 and (data.rows(torch.arange(data.num_train)).label == 2).sum() == 1
    )


def test_labels_may_be_vectors(tmp_path):
    x, label = np.random.default_rng(0).normal(size=(2, 300, 2))
    path = str(tmp_path / "a.npz")
    np.savez(path, x=x, y=label)
    data = Array(path=path, label="y")
    batch = data.train_batch(0, 8, 0)
    assert batch.label.dtype == torch.float32 and batch.label.shape == (8, 2)
    assert data.num_classes == 0 and data.labels().shape == (data.num_train, 2)
    held = data.held_out(9, 0)
    found = data.held_out(9, 0, held.label[4])
    assert torch.equal(found.x1, held.x1[4:5])
    np.savez(path, x=x, y=label[:, 0])
    with pytest.raises(ValueError, match=r"Array\.path: expected a class 0, 1, .* or a vector"):
        Array(path=path, label="y")


def test_precision_is_that_of_the_data(tmp_path):
    x = 1.7e9 + np.random.default_rng(0).normal(size=(200, 1))
    np.save(tmp_path / "a.npy", x)
    data = Array(path=str(tmp_path / "a.npy"))
    assert data.train_batch(0, 4, 0).x1.dtype == torch.float64
    rule = r"Array\.standardize: expected columns that float32 can hold"
    with pytest.raises(ValueError, match=rule):
        Array(path=str(tmp_path / "a.npy"), standardize=False)
    np.save(tmp_path / "a.npy", (x - 1.7e9).astype(">f4"))
    assert Array(path=str(tmp_path / "a.npy")).train_batch(0, 4, 0).x1.dtype == torch.float32


@pytest.mark.parametrize("kind", ["bytes", "last", "real"])
def test_pixels_are_those_of_images_in_memory(kind, tmp_path):
    x = blocks(60, 3, 4, 2)
    made = {"last": x.transpose(0, 2, 3, 1), "real": (x / 255).astype(np.float32)}
    np.save(tmp_path / "a.npy", made.get(kind, x))
    data = Array(path=str(tmp_path / "a.npy"), pixels=True, flip=True)
    expected = ImageFile(path=str(tmp_path / "a.npy"))
    for name in ("event_shape", "standardized"):
        assert getattr(data, name) == getattr(expected, name)
    assert torch.equal(data.shift, expected.shift) and torch.equal(data.scale, expected.scale)
    whole = [torch.cat([batch.x1 for batch in _all(each)]) for each in (data, expected)]
    assert torch.equal(*(torch.unique(part.flatten(1), dim=0) for part in whole))
    straight = Array(path=str(tmp_path / "a.npy"), pixels=True).train_batch(0, 32, 0).x1
    mirrored = (data.train_batch(0, 32, 0).x1 != straight).flatten(1).any(1)
    assert 4 < mirrored.sum() < 28
    noisy = data.dequantised(straight, torch.Generator().manual_seed(0))
    assert torch.equal(noisy.round(), straight) and not torch.equal(noisy, straight)


def _compressed(path):
    np.savez_compressed(path, x=np.zeros((9, 2)))


@pytest.mark.parametrize(
    ("write", "given", "message"),
    [
        (lambda path: np.savez(path, x=np.ones((9, 2)), y=np.ones(9)), {}, "key: expected one of"),
        (lambda path: np.savez(path, x=np.ones(9)), {"key": "z"}, "key: expected one of the arra"),
        (
            lambda path: np.savez(path, x=np.array([{}] * 9)),
            {},
            "path: expected arrays of numbers",
        ),
        (lambda path: np.savez(path, x=np.array(["a"] * 9)), {}, "path: expected real numbers in"),
        (lambda path: np.savez(path, x=np.ones((1, 2))), {}, "path: expected at least 2 rows"),
        (lambda path: np.savez(path, x=np.ones((9, 0))), {}, "path: expected rows of 1 byte to"),
        (
            lambda path: np.savez(path, x=np.full((9, 2), np.nan)),
            {},
            "path: expected no NaN and n",
        ),
        (_compressed, {}, "path: expected arrays of numbers in {path}, got 'x.npy is compressed"),
        (
            lambda path: path.write_bytes(b"text"),
            {},
            "path: expected arrays of numbers in {path},",
        ),
    ],
)
def test_array_refuses_by_name(write, given, message, tmp_path):
    path = tmp_path / "a.npz"
    write(path)
    with pytest.raises(ValueError) as error:
        Array(path=str(path), **given)
    assert str(error.value).startswith(f"Array.{message.format(path=path)}")


def test_array_refuses_other_files_by_name(tmp_path):
    np.save(tmp_path / "a.npy", np.ones((9, 2)))
    for given, rule in (
        ({"path": "x.csv"}, "path: expected a file or folder that ends in .npy, .npz, .h5,"),
        ({"path": "x.npy"}, "path: expected an existing file or folder, got"),
        ({"label": "../a.npy"}, "label: expected the name of a .npy file in"),
        ({"label": "b.npy"}, "label: expected the name of a .npy file in"),
        ({"key": "x"}, "key: expected null for a single array, got 'x'"),
        ({"flip": True}, "flip: expected false without pixels=true, got True"),
        ({"sample_rows": 0}, "sample_rows: expected a whole number > 0, got 0"),
    ):
        with pytest.raises(ValueError) as error:
            Array(**{"path": str(tmp_path / "a.npy")} | given)
        assert str(error.value).startswith(f"Array.{rule}")


def test_damaged_and_vast_h5_files_are_refused_by_name(tmp_path):
    h5py = pytest.importorskip("h5py")
    path = tmp_path / "a.h5"
    path.write_bytes(b"text")
    rule = r"Array\.path: expected arrays of numbers in .*a\.h5, got .*file signature not found"
    with pytest.raises(ValueError, match=rule):
        Array(path=str(path))
    for given in ({"shape": (9, 10**12)}, {"shape": (10**9, 2), "chunks": (10**9, 2)}):
        with h5py.File(path, "w") as file:
            file.create_dataset("x", dtype="f8", **({"chunks": (1, 1)} | given))
        with pytest.raises(ValueError, match=r"Array\.path: expected rows of 1 byte to 1 GiB"):
            Array(path=str(path))


def test_header_that_promises_more_than_the_file_is_refused(tmp_path):
    np.save(tmp_path / "a.npy", np.ones((9, 2)))
    whole = (tmp_path / "a.npy").read_bytes()
    (tmp_path / "a.npy").write_bytes(whole.replace(b"(9, 2), }      ", b"(9, 1000000000)"))
    with pytest.raises(ValueError, match=r"Array\.path: expected arrays of numbers in"):
        Array(path=str(tmp_path / "a.npy"))


@pytest.mark.parametrize("package", ["zarr", "h5py"])
def test_missing_package_is_named_with_the_command(package, tmp_path, monkeypatch):
    path = tmp_path / f"a.{'zarr' if package == 'zarr' else 'h5'}"
    path.mkdir()
    monkeypatch.setitem(sys.modules, package, None)
    rule = rf"expected the package {package}, .*; run pip install 'interpolants\[arrays\]'"
    with pytest.raises(ValueError, match=rule):
        Array(path=str(path))


_BIG = """
import sys, torch
from interpolants.data.array import Array
data = Array(path=sys.argv[1])
data.fingerprint()
for step in range(20):
    data.train_batch(step, 256, 0)
data.held_out(2000, 0), data.reference_pair(2000)
text = open("/proc/self/status").read()
print(int(text.split("RssAnon:")[1].split()[0]) // 1024)
"""


@pytest.mark.slow
@pytest.mark.skipif(not os.path.exists("/proc/self/status"), reason="counts memory as Linux does")
def test_sparse_file_of_10_gb_needs_little_memory(tmp_path):
    count = 10 * 2**30 // 8
    mapped = np.lib.format.open_memmap(
        tmp_path / "a.npy", mode="w+", dtype=np.float32, shape=(count, 2)
    )
    mapped[: 2**16] = np.random.default_rng(0).normal(size=(2**16, 2))
    del mapped
    assert (tmp_path / "a.npy").stat().st_blocks * 512 < 2**28
    command = [sys.executable, "-c", _BIG, str(tmp_path / "a.npy")]
    done = subprocess.run(command, capture_output=True, text=True, check=True)
    assert int(done.stdout) < 1024
