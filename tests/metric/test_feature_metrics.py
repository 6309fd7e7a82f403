"""Metrics of features: closed forms, floors, and the classifier."""

import math

import pytest
import torch

from interpolants.data.digits import Digits
from interpolants.data.finite import FiniteData
from interpolants.data.moons import Moons
from interpolants.metric.base import References
from interpolants.metric.features.classifier import ClassifierFeatures
from interpolants.metric.frechet_distance import FrechetDistance
from interpolants.metric.kernel_distance import KernelDistance
from interpolants.metric.nearest_neighbour import NearestNeighbour
from interpolants.metric.precision_recall import PrecisionRecall
from interpolants.report.report import compare

_N = 4000


def _normal(n, d, seed, scale=1.0):
    generator = torch.Generator().manual_seed(seed)
    return scale * torch.randn(n, d, generator=generator, dtype=torch.float64)


def _exactly(x, mean, covariance):
    """The rows, moved so that their moments are these to rounding."""
    x = x - x.mean(dim=0)
    root = torch.linalg.cholesky(x.mT @ x / (len(x) - 1))
    values, vectors = torch.linalg.eigh(covariance)
    wanted = (vectors * values.clamp(min=0).sqrt()) @ vectors.mT
    return torch.linalg.solve_triangular(root, x.mT, upper=False).mT @ wanted + mean


def test_frechet_distance_of_commuting_covariances_is_that_of_their_roots():
    a, b = torch.tensor([1.0, 4.0, 0.25]).double(), torch.tensor([9.0, 1.0, 0.0]).double()
    x = _exactly(_normal(50, 3, 0), torch.zeros(3), torch.diag(a))
    y = _exactly(_normal(60, 3, 1), torch.tensor([1.0, -2.0, 0.5]), torch.diag(b))
    expected = 1 + 4 + 0.25 + float((a.sqrt() - b.sqrt()).square().sum())
    assert float(FrechetDistance()(x, y)) == pytest.approx(expected, abs=1e-9)


def test_frechet_distance_of_covariances_that_do_not_commute():
    a = torch.tensor([[2.0, 0.6], [0.6, 1.0]]).double()
    b = torch.tensor([[1.0, -0.8], [-0.8, 3.0]]).double()
    x, y = (_exactly(_normal(40, 2, k), torch.zeros(2), c) for k, c in enumerate((a, b)))
    # Of 2 x 2 matrices tr (ab)^{1/2} = (tr ab + 2 det^{1/2} ab)^{1/2}.
    both = a @ b
    root = (both.trace() + 2 * torch.linalg.det(both).sqrt()).sqrt()
    expected = float(a.trace() + b.trace() - 2 * root)
    assert float(FrechetDistance()(x, y)) == pytest.approx(expected, abs=1e-9)
    assert float(FrechetDistance()(x, x)) == pytest.approx(0, abs=1e-9)


def test_frechet_distance_of_fewer_samples_than_coordinates_is_finite():
    value = float(FrechetDistance()(_normal(5, 20, 0), _normal(7, 20, 1)))
    assert math.isfinite(value) and value > 0


def test_frechet_distance_of_singular_covariances_is_that_of_what_they_span():
    x, y = _normal(6, 3, 0), _normal(8, 3, 1) + 0.5
    rotation = torch.linalg.qr(_normal(20, 20, 2)).Q[:3]
    expected = FrechetDistance()(x, y)
    assert float(FrechetDistance()(x @ rotation, y @ rotation)) == pytest.approx(float(expected))


def test_kernel_distance_has_no_bias_and_is_that_of_polynomials():
    x, y = _normal(30, 4, 0), _normal(20, 4, 1) + 0.5

    def kernel(a, b):
        return (a @ b.mT / 4 + 1) ** 3

    off = ~torch.eye(30, dtype=torch.bool), ~torch.eye(20, dtype=torch.bool)
    expected = kernel(x, x)[off[0]].mean() + kernel(y, y)[off[1]].mean() - 2 * kernel(x, y).mean()
    assert torch.allclose(KernelDistance()(x, y), expected)
    values = [
        float(KernelDistance()(_normal(50, 4, k), _normal(50, 4, 99 - k))) for k in range(40)
    ]
    mean, error = sum(values) / 40, torch.tensor(values).std() / math.sqrt(40)
    assert abs(mean) < 4 * error


def test_precision_and_recall_tell_lost_variety_from_lost_likeness():
    metric, real = PrecisionRecall(), _normal(500, 2, 0)
    same = metric.numbers(real, _normal(500, 2, 1))
    narrow = metric.numbers(real, _normal(500, 2, 2, scale=0.3))
    wide = metric.numbers(real, _normal(500, 2, 3, scale=4.0))
    far = metric.numbers(real, _normal(500, 2, 4) + 100)
    same, narrow, wide = (
        {name: one.value for name, one in found.items()} for found in (same, narrow, wide)
    )
    assert same["precision"] > 0.9 and same["recall"] > 0.9
    assert same["density"] == pytest.approx(1, abs=0.15) and same["coverage"] > 0.9
    assert narrow["precision"] > 0.95 and narrow["recall"] < 0.5 and narrow["coverage"] < 0.7
    assert wide["precision"] < 0.6 and wide["recall"] > 0.9
    assert {found.value for found in far.values()} == {0.0}


def test_precision_and_recall_of_points_on_a_line_are_counted_by_hand():
    # Balls to the second neighbour: of reals at 0, 1, 2, 10 their radii are 2, 1, 2, 9, of
    # generated ones at 0.5, 3, 20, 21 they are 19.5, 17, 17, 18.
    real = torch.tensor([0.0, 1, 2, 10]).unsqueeze(1)
    generated = torch.tensor([0.5, 3, 20, 21]).unsqueeze(1)
    found = PrecisionRecall(neighbours=2).numbers(real, generated)
    # 0.5 is in the first three balls, 3 in those of 2 and 10, the others in none.
    values = {name: one.value for name, one in found.items()}
    assert values == {"precision": 0.5, "recall": 1.0, "density": 5 / 4 / 2, "coverage": 1.0}
    # Of four rows two are in some ball.
    assert found["precision"].sd == pytest.approx(math.sqrt(1 / 3 / 4))


@pytest.mark.parametrize("kind", [KernelDistance, PrecisionRecall])
def test_training_data_in_alternating_order_are_compared_with_as_a_whole(kind):
    x = _normal(12_000, 2, 0).float()
    x[::2, 0] += 4
    order = torch.cat([torch.arange(10_000), 10_000 + torch.randperm(2_000)])
    is_held_out = torch.arange(12_000) >= 10_000
    data = FiniteData(x[order], standardize=False, is_held_out=is_held_out)
    metric = kind()
    metric.fit(data)
    held = data.held_out(1_000, 0).x1
    found = {r.name: r.value for r in metric.measure(held, References([(held, held)]))}
    assert abs(found.get("kernel_distance", 0)) < 1 and found.get("coverage", 1) > 0.9


def test_copies_of_training_data_are_found():
    x = _normal(600, 3, 0).float()
    data, metric = FiniteData(x, standardize=False, held_out_fraction=0.5), NearestNeighbour()
    metric.fit(data)
    held = data.held_out(300, 0).x1
    pairs = References([(held, held)])
    copies = {r.name: r for r in metric.measure(data.train_rows[:300], pairs)}
    assert copies["nearest_training"].value == 0 < copies["nearest_training"].floor
    assert copies["copied"].value == 1 and copies["copied"].floor == 0.01
    honest = {r.name: r for r in metric.measure(_normal(300, 3, 5).float(), pairs)}
    near = honest["nearest_training"]
    assert near.value == pytest.approx(near.floor, rel=0.2) and honest["copied"].value < 0.05
    by_hand = torch.cdist(held.double(), data.train_rows.double()).amin(dim=1).mean()
    assert near.floor == pytest.approx(float(by_hand), rel=1e-9)


@pytest.fixture(scope="module")
def fitted(tmp_path_factory):
    data, folder = Digits(), tmp_path_factory.mktemp("features")
    features = ClassifierFeatures(folder=str(folder))
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr("interpolants.metric.features.classifier._LEAST_STEPS", 400)
        features.fit(data)
    return data, features, folder


def test_the_classifier_knows_its_classes_and_its_features_have_unit_size(fitted):
    data, features, _ = fitted
    assert features.accuracy > 0.95
    trained = features.of_training(data)
    assert trained.shape == (data.num_train, 64)
    assert float(trained.double().var(dim=0).sum()) == pytest.approx(64, rel=1e-4)


def test_a_classifier_is_trained_once_and_named_by_its_weights(fitted, capsys):
    data, features, folder = fitted
    files = list(folder.iterdir())
    again = ClassifierFeatures(folder=str(folder))
    again.fit(Digits())
    assert capsys.readouterr().err == ""
    assert list(folder.iterdir()) == files
    assert again.name == features.name and again.name.startswith("classifier cnn64-")
    x = data.held_out(20, 0).x1
    assert torch.equal(again(x), features(x))


def test_real_samples_reach_the_floor_and_noise_does_not(fitted):
    data, features, _ = fitted
    metrics = [
        kind(features=features) for kind in (FrechetDistance, KernelDistance, PrecisionRecall)
    ]
    for metric in metrics:
        metric.fit(data)
    pairs = References([data.reference_pair(400)])
    generator = torch.Generator().manual_seed(0)
    noise = 16 * torch.rand(400, 1, 8, 8, generator=generator)
    found = {r.name: r for r in compare(data.held_out(400, 3).x1, pairs, metrics)}
    poor = {r.name: r for r in compare(noise, pairs, metrics)}
    assert found["frechet_distance"].value < 2 * found["frechet_distance"].floor
    assert poor["frechet_distance"].value > 20 * poor["frechet_distance"].floor
    assert poor["precision"].value < 0.1 < found["precision"].value
    assert "against training data in classifier cnn64-" in found["coverage"].note


def test_features_of_a_classifier_want_images_with_classes():
    with pytest.raises(ValueError, match=r"ClassifierFeatures\.data: expected images .* 'Moons'"):
        ClassifierFeatures().fit(Moons())
    with pytest.raises(ValueError, match=r"FrechetDistance\.measure: expected a fitted metric"):
        FrechetDistance().measure(torch.zeros(3, 2), References([]))


def test_precision_is_that_of_samples_among_training_data():
    """Half of the data are covered, by samples that are all alike them."""
    training = torch.randn(400, 2, generator=torch.Generator().manual_seed(0))
    samples = torch.randn(400, 2, generator=torch.Generator().manual_seed(1))
    found = PrecisionRecall().estimates(samples[samples[:, 0] > 0], training)
    assert found["precision"].value > 0.8 and found["recall"].value < 0.65
