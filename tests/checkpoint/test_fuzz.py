"""Checkpoints, configurations and data files changed at random: a result, or one sentence."""

import copy
import gzip
import io
import zipfile

import hypothesis
import numpy as np
import pytest
import torch
from helpers.compose import TINY, TINY_SERIES, leave_out_figures, run_folder, train_with
from helpers.image_files import idx_bytes
from helpers.malformed import acts, repacked
from hypothesis import strategies as st
from PIL import Image

import interpolants
from interpolants.data.file import File
from interpolants.data.idx import read_idx
from interpolants.data.image_folder import ImageFolder

pytestmark = [
    pytest.mark.slow,
    pytest.mark.filterwarnings("ignore"),
]

_CLASSES = (
    *("interpolant.linear.LinearInterpolant", "data.image_folder.ImageFolder", "net.mlp.MLP"),
    *("space.log.LogSpace", "metric.features.inception.InceptionFeatures", "data.mnist.MNIST"),
    *("sampler.solver.heun.Heun", "base.dataset.DatasetBase", "report.output.png.PngOutput"),
)
_TARGETS = [{"_target_": f"interpolants.{name}", "path": "/"} for name in _CLASSES]
_VALUES = st.one_of(
    st.sampled_from([None, True, -1, 0, 10**7, 10**9, 10**30, 1e308, "", "x", "${x}", "a\nb"]),
    st.sampled_from([[], {}, [[]], [1, "x"], {"a": 1}, {1: 2}, "x" * 10_000, *_TARGETS]),
    st.floats(),
    st.integers(-5, 5),
    st.builds(lambda: torch.zeros(2)),
)


def _examples(count):
    return hypothesis.settings(
        max_examples=count,
        derandomize=True,
        database=None,
        deadline=None,
        suppress_health_check=list(hypothesis.HealthCheck),
    )


_KINDS = {
    "interpolant": (TINY, ["data=moons", "label_dropout=0.1", "sampler=sde"]),
    "neural_sde": (TINY_SERIES, ["task=neural_sde", "data=fractional_ou", "data.length=5"]),
}


@pytest.fixture(scope="module", params=_KINDS)
def good(request, tmp_path_factory):
    """The last checkpoint of each kind of model."""
    sizes, options = _KINDS[request.param]
    with pytest.MonkeyPatch.context() as monkeypatch:
        leave_out_figures(monkeypatch)
        folder = tmp_path_factory.mktemp("good")
        report = train_with(folder, *options, "metric=[]", "max_steps=2", sizes=sizes)
    return run_folder(report) / "checkpoints" / "last.ckpt"


def _places(node, path=()):
    """Paths of all entries of nested containers."""
    entries = node.items() if isinstance(node, dict) else enumerate(node)
    for key, value in entries:
        yield (*path, key)
        if isinstance(value, (dict, list)):
            yield from _places(value, (*path, key))


def _check(make, path):
    """A result, or one sentence, and nothing else is opened."""
    with acts(path) as found:
        try:
            result = make()
        except ValueError as error:
            result = None
            assert "\n" not in str(error) and 10 < len(str(error)) < 1_000, str(error)
    assert found == []
    return result


@pytest.mark.parametrize("part", ["config", "others"])
def test_fuzz_of_the_entries_of_a_checkpoint(part, good, tmp_path):
    whole, path = torch.load(good, weights_only=True), tmp_path / "fuzz.ckpt"
    config = whole["hyper_parameters"]["config"]
    trained = (
        "task",
        "event_shape",
        "space",
        "base",
        "coupling",
        "interpolant",
        "objective",
        "net",
    )
    trained += ("sampler", "labels", "std", "guidance", "neural_sde", "times")
    known = {key: config[key] for key in trained if key in config}
    others = {key: whole[key] for key in ("state_dict", "ema", "global_step", "interpolants")}
    root = known if part == "config" else others
    places = list(_places(root))

    @_examples(150)
    @hypothesis.given(st.sampled_from(places), st.one_of(_VALUES, st.sampled_from(places)))
    def run(place, value):
        changed = copy.deepcopy(whole)
        target = changed["hyper_parameters"]["config"] if part == "config" else changed
        if isinstance(value, tuple):  # another entry
            found = target
            for key in value:
                found = found[key]
            value = found
        *above, last = place
        for key in above:
            target = target[key]
        target[last] = value
        torch.save(changed, path)
        model = _check(lambda: interpolants.load(path), path)
        assert model is None or repr(model)

    run()


def test_fuzz_of_the_bytes_of_a_pickle(good, tmp_path):
    path = tmp_path / "fuzz.ckpt"
    with zipfile.ZipFile(good) as archive:
        size = next(m.file_size for m in archive.infolist() if m.filename.endswith("data.pkl"))

    @_examples(150)
    @hypothesis.given(st.integers(0, size - 1), st.binary(min_size=1, max_size=6), st.booleans())
    def run(place, new, inserted):
        def change(name, content):
            if not name.endswith("data.pkl"):
                return content
            return content[:place] + new + content[place if inserted else place + len(new) :]

        repacked(good, path, change)
        _check(lambda: interpolants.load(path), path)

    run()


def _data_files():
    x = np.random.default_rng(0).normal(size=(20, 3))
    npy, npz, packed, png, csv = (io.BytesIO() for _ in range(5))
    np.save(npy, x)
    np.savez(npz, x=x, y=np.arange(20))
    np.savez_compressed(packed, x=x, y=np.arange(20))
    Image.new("RGB", (8, 8)).save(png, "PNG")
    np.savetxt(csv, x, delimiter=",", header="a,b,c", comments="")
    idx = idx_bytes(np.ones((3, 2, 2)))
    return {
        "x.npy": npy.getvalue(),
        "x.npz": npz.getvalue(),
        "packed.npz": packed.getvalue(),
        "x.png": png.getvalue(),
        "x.csv": csv.getvalue(),
        "x-ubyte": idx,
        "x-ubyte.gz": gzip.compress(idx),
    }


def _read(path, folder):
    if path.name.startswith("x-ubyte"):
        return read_idx("A", path, 3)
    if path.suffix == ".png":
        data = ImageFolder(path=str(folder), size=8)
        return [data.rows(torch.arange(data.count(held_out=k)), held_out=k) for k in (False, True)]
    return File(path=str(path), key="x" if path.suffix == ".npz" else None)


@pytest.mark.parametrize("name", _data_files())
def test_fuzz_of_the_bytes_of_data_files(name, tmp_path):
    whole, folder = _data_files()[name], tmp_path / "data"
    folder.mkdir()
    (folder / "good.png").write_bytes(_data_files()["x.png"])
    path = folder / name

    @_examples(500)
    @hypothesis.given(
        st.integers(0, len(whole) - 1), st.binary(min_size=1, max_size=8), st.integers(0, 8)
    )
    def run(place, new, removed):
        path.write_bytes(whole[:place] + new + whole[place + removed :])
        _check(lambda: _read(path, folder), folder)

    run()
