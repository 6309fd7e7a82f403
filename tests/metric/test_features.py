"""Feature maps: a user's network, caching, and invariances."""

from contextlib import nullcontext

import pytest
import torch
from helpers.image_files import write_image_network
from torch import Tensor

from interpolants.data.digits import Digits
from interpolants.data.images import Images, LabelledImages
from interpolants.data.moons import Moons
from interpolants.metric.base import References
from interpolants.metric.features.base import Features
from interpolants.metric.features.cache import cached
from interpolants.metric.features.classifier import ClassifierFeatures
from interpolants.metric.features.inception import InceptionFeatures
from interpolants.metric.frechet_distance import FrechetDistance
from interpolants.metric.kernel_distance import KernelDistance


@pytest.fixture
def network(tmp_path):
    return write_image_network(tmp_path / "network.pt")


def _images(n, channels, seed):
    generator = torch.Generator().manual_seed(seed)
    shape = (n, channels, 6, 6)
    x = torch.randint(0, 256, shape, generator=generator, dtype=torch.uint8)
    return LabelledImages(x, torch.arange(n) % 2)


@pytest.mark.parametrize("channels", [1, 3])
def test_a_network_of_the_user_sees_whole_numbers_in_three_channels(channels, network, tmp_path):
    data = Images(_images(20, channels, 0), _images(8, channels, 1))
    features = InceptionFeatures(path=network, folder=str(tmp_path))
    features.fit(data)
    x = data.held_out(8, 0).x1
    flat = x.expand(-1, 3, -1, -1).double().flatten(2)
    expected = torch.cat([flat.mean(dim=2), flat.std(dim=2)], dim=1)
    assert torch.allclose(features(x).double(), expected, rtol=1e-6)
    # As stored images: rounded, and cut to what a byte can hold.
    assert torch.equal(features((x + 0.4).clamp(max=255.4)), features(x))
    assert features(torch.full_like(x, 300)).amax() == 255


def test_a_network_of_the_user_sees_other_units_as_bytes(network, tmp_path):
    data = Digits()
    features = InceptionFeatures(path=network, folder=str(tmp_path))
    features.fit(data)
    white = torch.full((1, 1, 8, 8), 16.0)
    assert features(white)[0, 0] == 255 and features(0 * white)[0, 0] == 0


def test_a_network_of_the_user_is_named_by_its_content(network, tmp_path):
    features = InceptionFeatures(path=network)
    renamed = tmp_path / "other.pt"
    renamed.write_bytes((tmp_path / "network.pt").read_bytes())
    assert features.name.startswith("network-")
    assert InceptionFeatures(path=str(renamed)).name == features.name.replace("network", "other")


def test_networks_that_cannot_be_used_are_refused(network, tmp_path):
    with pytest.raises(
        ValueError, match=r"InceptionFeatures\.path: expected a TorchScript .* no "
    ):
        InceptionFeatures(path=str(tmp_path / "none.pt"))
    broken = tmp_path / "broken.pt"
    broken.write_bytes(b"weights")
    with pytest.raises(ValueError, match=r"InceptionFeatures\.path: expected a TorchScript archi"):
        InceptionFeatures(path=str(broken))
    with pytest.raises(ValueError, match=r"InceptionFeatures\.data: expected images .* 'Moons'"):
        InceptionFeatures(path=network).fit(Moons())


class _Counting(Features):
    """The mean of each sample, which counts how many it was asked for."""

    def __init__(self, folder):
        self.folder, self.seen = folder, 0

    def fit(self, data):
        return

    @property
    def name(self):
        return f"counting {self.folder}"

    @property
    def kept(self):
        return self.folder / "training.pt"

    def map(self, x):
        self.seen += len(x)
        return x.flatten(1).mean(dim=1, keepdim=True)


def test_features_of_a_set_are_made_once_for_all_metrics(tmp_path):
    data, features = Digits(), _Counting(tmp_path)
    metrics = [kind(features=features) for kind in (FrechetDistance, KernelDistance)]
    for metric in metrics:
        metric.fit(data)
    assert features.seen == data.num_train
    pairs = References([data.reference_pair(30)])
    x = data.held_out(30, 7).x1
    values = [metric.measure(x, pairs)[0].value for metric in metrics]
    assert features.seen == data.num_train + 60
    # Maps of the same name, as in another process, find the cached features of training data.
    later = _Counting(tmp_path)
    again = FrechetDistance(features=later)
    again.fit(data)
    assert again.measure(x, pairs)[0].value == values[0] and later.seen == 0
    x[0] += 1
    assert again.measure(x, pairs)[0].value != values[0] and later.seen == 30


@pytest.mark.parametrize("damage", ["empty", "half", "bit"])
def test_damaged_features_are_made_again(damage, tmp_path, capsys):
    data = Digits()
    expected = _Counting(tmp_path).of_training(data).clone()  # the file is replaced below
    file = tmp_path / "training.pt"
    content = bytearray(file.read_bytes())
    content[len(content) // 2] ^= 1
    half = bytes(content[: len(content) // 2])
    file.write_bytes({"empty": b"", "half": half, "bit": bytes(content)}[damage])
    later = _Counting(tmp_path)
    assert torch.equal(later.of_training(data), expected) and later.seen == data.num_train
    assert f"{file}: damaged, and made again" in capsys.readouterr().err
    assert [path.name for path in tmp_path.iterdir()] == ["training.pt"]


@pytest.mark.parametrize("around", [nullcontext, torch.no_grad, torch.inference_mode])
def test_a_metric_trains_the_classifier_that_it_does_not_find(around, tmp_path, monkeypatch):
    monkeypatch.setattr("interpolants.metric.features.classifier._LEAST_STEPS", 20)
    data = Images(_images(40, 1, 0), _images(10, 1, 1))
    features = ClassifierFeatures(folder=str(tmp_path))
    with around():
        FrechetDistance(features=features).fit(data)
    assert features.name.startswith("classifier") and len(list(tmp_path.iterdir())) == 2


def test_the_classifier_is_the_same_for_mirrored_training(tmp_path, monkeypatch):
    monkeypatch.setattr("interpolants.metric.features.classifier._LEAST_STEPS", 20)
    sides = _images(40, 1, 0), _images(10, 1, 1)
    names = []
    for flip in (False, True):
        features = ClassifierFeatures(folder=str(tmp_path / str(flip)))
        features.fit(Images(*sides, flip=flip))
        names.append(features.name)
    assert names[0] == names[1]


@pytest.mark.parametrize("damage", ["cut", "empty", "flipped", "another"])
def test_a_damaged_cache_is_made_anew(damage, tmp_path, capsys):
    path, made = tmp_path / "cache.pt", []

    def make():
        made.append(1)
        return torch.arange(6.0).view(2, 3)

    assert torch.equal(cached(path, make, Tensor), cached(path, make, Tensor))
    assert len(made) == 1
    whole = path.read_bytes()
    # The last number of the tensor, 5, is stored as 40 a0 00 00, the highest byte last.
    flipped = whole.replace(b"\x00\x00\xa0\x40", b"\x00\x00\xa0\x41")
    contents = {"cut": whole[:-50], "empty": b"", "flipped": flipped}
    if damage == "another":
        torch.save([1], path)
    else:
        path.write_bytes(contents[damage])
    assert torch.equal(cached(path, make, Tensor), make())
    assert "cache.pt: damaged, and made again (" in capsys.readouterr().err
    assert cached(path, make, Tensor)[1, 2] == 5
    assert path.read_bytes() == whole
