from __future__ import annotations

import csv
import math
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
import torch
from scipy.stats import chi2, kstest, multivariate_normal
from torch import Tensor

from interpolants.data.base import Batch, Data, Distribution, FiniteData
from interpolants.data.checkerboard import Checkerboard
from interpolants.data.digits import Digits
from interpolants.data.eight_gaussians import EightGaussians
from interpolants.data.file import File
from interpolants.data.gaussian_mixture import GaussianMixture
from interpolants.data.moons import Moons
from interpolants.data.pinwheel import Pinwheel
from interpolants.data.rings import Rings
from interpolants.data.s_curve import SCurve
from interpolants.data.swiss_roll import SwissRoll
from interpolants.data.table import Table
from interpolants.seeds import keyed_generator

torch.set_num_threads(1)

TOYS: list[Callable[..., Distribution]] = [
    *[Checkerboard, EightGaussians, Moons, SCurve, SwissRoll, Pinwheel, Rings, GaussianMixture]
]
SIGNIFICANCE = 1e-5
# A standard normal exceeds this less often than the significance, on either side.
SIGMAS = 4.5


def draw(data: Data, n: int, seed: int = 0) -> Batch:
    return data.sample(n, keyed_generator(seed))


def labels_of(batch: Batch) -> Tensor:
    assert batch.label is not None
    return batch.label


def num_distinct(rows: Tensor) -> int:
    return len(torch.unique(rows, dim=0))


def assert_equally_likely(counts: Tensor) -> None:
    expected = counts.sum() / len(counts)
    statistic = ((counts - expected) ** 2 / expected).sum().item()
    assert chi2.sf(statistic, len(counts) - 1) > SIGNIFICANCE


def assert_has_moments(x: Tensor, mean: Tensor, std: Tensor) -> None:
    """Within `SIGMAS` standard errors, those of the deviation taken from the sample."""
    x, n = x.double(), len(x)
    assert ((x.mean(0) - mean).abs() < SIGMAS * x.std(0) / math.sqrt(n)).all()
    squares = (x - x.mean(0)).square()
    assert ((squares.mean(0) - std**2).abs() < SIGMAS * squares.std(0) / math.sqrt(n)).all()


# Laws of the plane.


def test_eight_gaussians_components_have_their_mean_deviation_and_weight() -> None:
    batch = draw(EightGaussians(), 200_000)
    label = labels_of(batch)
    assert_equally_likely(label.bincount(minlength=8).double())
    r = math.sqrt(0.5)
    corners = [(1, 0), (r, r), (0, 1), (-r, r), (-1, 0), (-r, -r), (0, -1), (r, -r)]
    for k, corner in enumerate(corners):
        std = torch.full((2,), 0.1**0.25, dtype=torch.float64)
        assert_has_moments(batch.x1[label == k], 5 * torch.tensor(corner).double(), std)


def test_eight_gaussians_whole_law_has_the_documented_moments() -> None:
    data = EightGaussians(radius=3.0, std=0.2)
    std = torch.full((2,), math.sqrt(3.0**2 / 2 + 0.2**2), dtype=torch.float64)
    assert_has_moments(draw(data, 200_000).x1, torch.zeros(2), std)


def test_checkerboard_fills_its_squares_uniformly_and_no_others() -> None:
    x = draw(Checkerboard(), 200_000).x1
    cell = (x / 2 + 2).floor().long()
    assert ((cell >= 0) & (cell < 4)).all()
    counts = (4 * cell[:, 0] + cell[:, 1]).bincount(minlength=16).view(4, 4).double()
    is_filled = torch.tensor([[1, 0, 1, 0], [0, 1, 0, 1]] * 2).bool()
    assert (counts[~is_filled] == 0).all()
    assert_equally_likely(counts[is_filled])
    within = (8 * (x / 2 + 2 - cell)).long().clamp(max=7)
    assert_equally_likely((8 * within[:, 0] + within[:, 1]).bincount(minlength=64).double())


def test_moons_lie_on_their_half_circles() -> None:
    batch = draw(Moons(size=3.0, noise=0.0), 50_000)
    label = labels_of(batch)
    assert_equally_likely(label.bincount(minlength=2).double())
    unit = (batch.x1 + 1) / 3
    upper, lower = unit[label == 0], unit[label == 1] - torch.tensor([1.0, 0.5])
    for half, sign in ((upper, 1), (lower, -1)):
        torch.testing.assert_close(half.norm(dim=1), torch.ones(len(half)))
        angle = torch.atan2(sign * half[:, 1], half[:, 0]) / math.pi
        assert kstest(angle.clamp(0, 1).numpy(), "uniform").pvalue > SIGNIFICANCE


def test_moons_noise_has_its_deviation() -> None:
    noisy, clean = (
        draw(Moons(size=2.0, noise=0.2), 100_000),
        draw(Moons(noise=0.0, size=2.0), 100_000),
    )
    assert_has_moments(noisy.x1 - clean.x1, torch.zeros(2), torch.full((2,), 0.4))


def test_s_curve_is_the_flat_view_of_the_one_in_scikit_learn() -> None:
    x = draw(SCurve(noise=0.0), 20_000).x1.double()
    upper = torch.where(x[:, 1] > 0, 1.0, -1.0)
    # Both halves are arcs of unit circles around (0, 1) and (0, -1).
    radius = (x[:, 0] ** 2 + (x[:, 1] - upper) ** 2).sqrt()
    torch.testing.assert_close(radius, torch.ones_like(radius), rtol=0, atol=1e-5)
    # E[sin^2 a] and E[(1 - cos a)^2] over |a| < 3 pi / 2, and the law is odd.
    std = torch.tensor([0.5, 1.5 + 4 / (3 * math.pi)], dtype=torch.float64).sqrt()
    assert_has_moments(x, torch.zeros(2), std)


def test_swiss_roll_has_the_angle_as_its_radius() -> None:
    x = draw(SwissRoll(noise=0.0), 20_000).x1
    radius = x.norm(dim=1)
    expected = torch.stack((radius * radius.cos(), radius * radius.sin()), dim=1)
    torch.testing.assert_close(x, expected, rtol=0, atol=1e-3)
    uniform = (radius / (1.5 * math.pi) - 1) / 2
    assert kstest(uniform.numpy(), "uniform").pvalue > SIGNIFICANCE


def test_pinwheel_unwound_is_one_gaussian_per_arm() -> None:
    data = Pinwheel(arms=7, radial_std=0.1, tangential_std=0.05, twist=0.0)
    batch = draw(data, 70_000)
    label = labels_of(batch)
    assert_equally_likely(label.bincount(minlength=7).double())
    angle = -2 * math.pi / 7 * label
    rotation = torch.stack((angle.cos(), -angle.sin(), angle.sin(), angle.cos()), 1).view(-1, 2, 2)
    arm = (rotation @ batch.x1[:, :, None])[:, :, 0]
    assert_has_moments(arm, torch.tensor([2.0, 0.0]), torch.tensor([0.2, 0.1]))


def test_pinwheel_winds_by_the_exponential_of_the_radius() -> None:
    x = draw(Pinwheel(arms=1, tangential_std=1e-6, twist=0.25), 1000).x1.double()
    # Radii below zero would point backwards: at 0.3 deviation there are almost none.
    r = x.norm(dim=1) / 2
    angle = torch.atan2(x[:, 1], x[:, 0])
    turn = torch.remainder(angle - 0.25 * r.exp() + math.pi, 2 * math.pi) - math.pi
    assert (turn.abs() < 1e-3).double().mean() > 0.99


def test_rings_have_equal_weights_even_radii_and_uniform_angles() -> None:
    batch = draw(Rings(rings=3, radius=6.0, noise=0.0), 60_000)
    label = labels_of(batch)
    assert_equally_likely(label.bincount(minlength=3).double())
    torch.testing.assert_close(batch.x1.norm(dim=1), 2.0 * (label + 1))
    angle = torch.atan2(batch.x1[:, 1], batch.x1[:, 0]) / (2 * math.pi) + 0.5
    assert kstest(angle.numpy(), "uniform").pvalue > SIGNIFICANCE


@pytest.mark.parametrize("toy", TOYS)
def test_distribution_in_model_space_has_mean_zero_and_deviation_one(
    toy: Callable[..., Distribution],
) -> None:
    data = toy(standardize=True)
    x = (draw(data, 50_000, seed=9).x1 - data.shift) / data.scale
    # The shift and scale of the toys are estimates from 10,000 draws.
    assert x.mean(0).abs().max() < 0.06
    assert (x.std(0) - 1).abs().max() < 0.04
    raw = toy(standardize=False)
    assert torch.equal(raw.shift, torch.zeros(2)) and torch.equal(raw.scale, torch.ones(2))
    assert torch.equal(draw(raw, 10).x1, draw(data, 10).x1)
    assert x.dtype == torch.float32


@pytest.mark.parametrize("toy", TOYS)
def test_distribution_batches_are_pure_in_seed_step_and_rank(
    toy: Callable[..., Distribution],
) -> None:
    data = toy()
    torch.manual_seed(0)
    first = data.train_batch(3, 16, seed=1, rank=0)
    torch.manual_seed(1)
    data.train_batch(4, 16, seed=1)
    assert torch.equal(first.x1, toy().train_batch(3, 16, seed=1, rank=0).x1)
    others = [
        data.train_batch(4, 16, seed=1).x1,
        data.train_batch(3, 16, seed=2).x1,
        data.train_batch(3, 16, seed=1, rank=1, world_size=2).x1,
        data.held_out(16, seed=1).x1,
    ]
    rows = torch.cat((first.x1, *others))
    assert num_distinct(rows) == 5 * 16
    assert torch.equal(data.held_out(16, seed=1).x1, others[-1])


# Gaussian mixtures.


def random_mixture(dim: int, modes: int, scale: float = 1.0) -> GaussianMixture:
    generator = keyed_generator(dim, modes)
    roots = torch.randn(modes, dim, dim, generator=generator, dtype=torch.float64) / dim**0.5
    eye = torch.eye(dim, dtype=torch.float64)
    return GaussianMixture(
        means=(scale * torch.randn(modes, dim, generator=generator)).tolist(),
        weights=(torch.rand(modes, generator=generator) + 0.1).tolist(),
        covariances=(roots @ roots.mT + 0.3 * eye).tolist(),
    )


def test_gaussian_mixture_log_density_equals_scipy() -> None:
    mixture = random_mixture(dim=3, modes=4)
    x = 3 * torch.randn(50, 3, generator=keyed_generator(1), dtype=torch.float64)
    density = sum(
        float(w) * multivariate_normal(m.numpy(), c.numpy()).pdf(x.numpy())
        for w, m, c in zip(mixture.weights, mixture.means, mixture.covariances, strict=True)
    )
    expected = torch.as_tensor(np.log(density))
    torch.testing.assert_close(mixture.log_density(x), expected, rtol=1e-10, atol=1e-10)


def test_gaussian_mixture_score_is_the_gradient_of_the_log_density() -> None:
    mixture = random_mixture(dim=3, modes=4)
    x = 3 * torch.randn(50, 3, generator=keyed_generator(1), dtype=torch.float64)
    x.requires_grad_()
    (gradient,) = torch.autograd.grad(mixture.log_density(x).sum(), x)
    torch.testing.assert_close(mixture.score(x), gradient, rtol=1e-10, atol=1e-10)


def test_gaussian_mixture_in_single_precision_is_stable_in_many_dimensions() -> None:
    mixture = random_mixture(dim=512, modes=3, scale=0.02)
    x = draw(mixture, 64).x1
    for function in (mixture.log_density, mixture.score):
        single, double = function(x).double(), function(x.double())
        assert ((single - double).norm() / double.norm()) < 1e-4
    far = mixture.log_density(x + 1e3)
    assert torch.isfinite(far).all()


def test_gaussian_mixture_draws_follow_its_components() -> None:
    mixture = random_mixture(dim=2, modes=3)
    batch = draw(mixture, 100_000)
    label = labels_of(batch)
    expected = mixture.weights * len(label)
    statistic = ((label.bincount(minlength=3) - expected) ** 2 / expected).sum().item()
    assert chi2.sf(statistic, 2) > SIGNIFICANCE
    for k in range(3):
        # Whitened by the stated mean and covariance, each component is a standard normal.
        factor = torch.linalg.cholesky(mixture.covariances[k])
        centred = (batch.x1[label == k].double() - mixture.means[k]).T
        white = torch.linalg.solve_triangular(factor, centred, upper=False).T
        assert_has_moments(white, torch.zeros(2), torch.ones(2))
        correlation = (white[:, 0] * white[:, 1]).mean() * math.sqrt(len(white))
        assert correlation.abs() < SIGMAS


def test_gaussian_mixture_standardises_by_its_exact_moments() -> None:
    mixture = GaussianMixture(
        means=[[0.0, 1e4], [2.0, 1e4 + 6]], weights=[3.0, 1.0], std=[1.0, 2.0]
    )
    # Means 0.5 and 1e4 + 1.5; variances 0.75 * 1 + 0.25 * 4, plus 0.1875 times the square gap.
    torch.testing.assert_close(mixture.shift, torch.tensor([0.5, 1e4 + 1.5]))
    variance = torch.tensor([1.75 + 0.1875 * 4, 1.75 + 0.1875 * 36])
    torch.testing.assert_close(mixture.scale, variance.sqrt())


def test_gaussian_mixture_deviations_are_per_component_and_coordinate() -> None:
    means = [[0.0, 0.0, 0.0], [1.0, 1.0, 1.0]]
    eye = torch.eye(3, dtype=torch.float64)
    shared = GaussianMixture(means=means, std=2.0).covariances
    torch.testing.assert_close(shared, torch.stack((4 * eye, 4 * eye)))
    isotropic = GaussianMixture(means=means, std=[1.0, 3.0]).covariances
    torch.testing.assert_close(isotropic, torch.stack((eye, 9 * eye)))
    diagonal = GaussianMixture(means=means, std=[[1.0, 2.0, 3.0], [1.0, 1.0, 1.0]]).covariances
    expected = torch.stack((torch.tensor([1.0, 4.0, 9.0]).double().diag(), eye))
    torch.testing.assert_close(diagonal, expected)


def test_gaussian_mixture_random_means_lie_on_the_sphere_and_follow_the_seed() -> None:
    first = GaussianMixture(modes=6, dim=30, radius=2.5, seed=3)
    torch.testing.assert_close(first.means.norm(dim=1), torch.full((6,), 2.5).double())
    assert torch.equal(first.means, GaussianMixture(modes=6, dim=30, radius=2.5, seed=3).means)
    assert not torch.equal(first.means, GaussianMixture(modes=6, dim=30, radius=2.5, seed=4).means)


# Finite sets.


def numbered(n: int) -> FiniteData:
    """Rows that know their number: the label of row i is i, its values i and -i."""
    i = torch.arange(n)
    return FiniteData(torch.stack((i, -i), dim=1), i, held_out_fraction=0.25)


def test_finite_data_epoch_covers_every_training_row_once_over_two_ranks() -> None:
    data = numbered(80)
    for epoch in range(3):
        rows = [
            labels_of(data.train_batch(step, 10, seed=0, rank=rank, world_size=2))
            for step in range(3 * epoch, 3 * epoch + 3)
            for rank in range(2)
        ]
        assert torch.equal(
            torch.cat(rows).sort().values, data.train_rows[:, 0].long().sort().values
        )


def test_finite_data_orders_differ_between_epochs_and_seeds() -> None:
    data = numbered(80)
    orders = [
        labels_of(data.train_batch(step, 60, seed)) for step, seed in ((0, 0), (1, 0), (0, 1))
    ]
    assert num_distinct(torch.stack(orders)) == 3


def test_finite_data_drops_the_incomplete_batch_of_an_epoch() -> None:
    data = numbered(80)
    seen = torch.cat([labels_of(data.train_batch(step, 25, seed=0)) for step in range(2)])
    assert num_distinct(seen) == 50
    assert torch.equal(
        labels_of(data.train_batch(2, 25, seed=0)),
        labels_of(numbered(80).train_batch(2, 25, seed=0)),
    )
    assert len(labels_of(data.train_batch(2, 25, seed=0))) == 25


def test_finite_data_batches_do_not_depend_on_what_was_asked_before() -> None:
    data = numbered(80)
    steps = [5, 0, 17, 5, 1, 0]
    for step in steps:
        fresh = numbered(80).train_batch(step, 7, seed=4)
        assert torch.equal(labels_of(data.train_batch(step, 7, seed=4)), labels_of(fresh))


def test_finite_data_never_trains_on_held_out_rows() -> None:
    data = numbered(80)
    held = labels_of(data.held_out(10**6, seed=0))
    assert num_distinct(held) == 20
    train = torch.cat([labels_of(data.train_batch(step, 60, seed=0)) for step in range(2)])
    drawn = labels_of(draw(data, 1000))
    assert not torch.isin(torch.cat((train, drawn)), held).any()
    assert num_distinct(drawn) == 60
    assert torch.equal(held[:5], labels_of(data.held_out(5, seed=0)))
    assert not torch.equal(held, labels_of(data.held_out(20, seed=1)))


def test_finite_data_keeps_labels_and_rows_together() -> None:
    data = numbered(80)
    for batch in (data.train_batch(1, 30, seed=2), draw(data, 50), data.held_out(20, seed=0)):
        assert torch.equal(batch.x1, torch.stack((labels_of(batch), -labels_of(batch)), 1).float())


def test_finite_data_standardises_by_its_training_rows() -> None:
    x = torch.randn(500, 2, 3, generator=keyed_generator(0)) * 7 + 3
    x[:, 1, 2] = 0.1
    data = FiniteData(x)
    model = (data.train_rows - data.shift) / data.scale
    torch.testing.assert_close(model.mean(0), torch.zeros(2, 3), rtol=0, atol=1e-5)
    deviation = torch.ones(2, 3)
    deviation[1, 2] = 0.0
    torch.testing.assert_close(model.std(0, correction=0), deviation)
    assert data.scale[1, 2] == 1
    raw = FiniteData(x, standardize=False)
    assert (raw.shift == 0).all() and (raw.scale == 1).all()


def test_finite_data_of_two_rows_keeps_one_of_each() -> None:
    data = FiniteData(torch.tensor([[1.0], [2.0]]), held_out_fraction=0.01)
    assert data.num_train == 1
    assert {data.train_rows.item(), data.held_out(9, seed=0).x1.item()} == {1.0, 2.0}


def test_digits_are_images_from_minus_one_to_one_with_five_hundred_held_out() -> None:
    data = Digits()
    held = data.held_out(10_000, seed=0)
    assert len(held.x1) == 500 and data.num_train == 1297
    assert data.event_shape == (1, 8, 8)
    model = (data.train_rows - data.shift) / data.scale
    assert model.min() == -1 and model.max() == 1
    assert torch.equal(data.train_rows, data.train_rows.round())
    # A nearest-neighbour rule reads the digits, so images and labels belong together.
    train = data.train_batch(0, 1297, seed=0)
    nearest = torch.cdist(held.x1.flatten(1), train.x1.flatten(1)).argmin(dim=1)
    assert (labels_of(train)[nearest] == labels_of(held)).double().mean() > 0.95


@pytest.mark.parametrize(
    ("name", "rows", "columns", "classes"),
    [("breast_cancer", 569, 30, 2), ("iris", 150, 4, 3), ("wine", 178, 13, 3)],
)
def test_table_has_its_documented_size_and_classes(
    name: str, rows: int, columns: int, classes: int
) -> None:
    data = Table(name=name)
    held = data.held_out(rows, seed=0)
    assert data.num_train + len(held.x1) == rows
    assert data.event_shape == (columns,)
    assert num_distinct(labels_of(draw(data, 2000))) == classes
    model = (data.train_rows.double() - data.shift) / data.scale
    torch.testing.assert_close(
        model.std(0, correction=0), torch.ones(columns).double(), rtol=1e-4, atol=0
    )


def test_table_without_classes_has_no_labels() -> None:
    data = Table(name="diabetes")
    assert draw(data, 3).label is None and data.event_shape == (10,)


# Files.


def all_rows(data: FiniteData) -> tuple[Tensor, Tensor | None]:
    """Every row and label, sorted by the first column."""
    train, held = data.train_batch(0, data.num_train, seed=0), data.held_out(10**6, seed=0)
    x = torch.cat((train.x1, held.x1))
    order = x.flatten(1)[:, 0].argsort()
    if train.label is None:
        return x[order], None
    return x[order], torch.cat((train.label, labels_of(held)))[order]


@pytest.mark.parametrize("header", [None, ["a", "b", "c"]])
def test_file_csv_round_trips_with_and_without_a_header(
    tmp_path: Path, header: list[str] | None
) -> None:
    x = torch.randn(20, 3, generator=keyed_generator(0)).sort(dim=0).values
    path = tmp_path / "rows.csv"
    with path.open("w", newline="") as file:
        csv.writer(file).writerows(([header] if header else []) + x.tolist())
    rows, label = all_rows(File(path=str(path)))
    assert torch.equal(rows, x) and label is None
    names = ["c", "a"] if header else ["2", "0"]
    rows, _ = all_rows(File(path=str(path), columns=names))
    assert torch.equal(rows, x[:, [2, 0]])


def test_file_csv_labels_are_classes_in_sorted_order(tmp_path: Path) -> None:
    path = tmp_path / "rows.csv"
    path.write_text("\ufeffx, kind ,y\n1,red,5\n2,blue,6\n\n3,red,7\n")
    rows, label = all_rows(File(path=str(path), label="kind"))
    assert rows.tolist() == [[1, 5], [2, 6], [3, 7]]
    assert label is not None and label.tolist() == [1, 0, 1]
    path.write_text("1,10\n2,9\n3,10\n")
    _, label = all_rows(File(path=str(path), label="1"))
    assert label is not None and label.tolist() == [1, 0, 1]


def test_file_npy_and_npz_round_trip(tmp_path: Path) -> None:
    images = torch.randn(9, 2, 3, 3, generator=keyed_generator(0)).sort(dim=0).values
    np.save(tmp_path / "x.npy", images.double().numpy())
    rows, _ = all_rows(File(path=str(tmp_path / "x.npy")))
    assert torch.equal(rows, images)
    kinds = np.array(["b", "a", "b"] * 3)
    np.savez(tmp_path / "x.npz", x=images.numpy(), kind=kinds)
    rows, label = all_rows(File(path=str(tmp_path / "x.npz"), label="kind"))
    assert torch.equal(rows, images)
    assert label is not None and label.tolist() == [1, 0, 1] * 3
    rows, label = all_rows(File(path=str(tmp_path / "x.npz"), key="x"))
    assert torch.equal(rows, images) and label is None


def test_file_of_a_flat_array_has_rows_of_one_number(tmp_path: Path) -> None:
    np.save(tmp_path / "x.npy", np.arange(5))
    data = File(path=str(tmp_path / "x.npy"))
    assert data.event_shape == (1,)
    assert all_rows(data)[0].flatten().tolist() == [0, 1, 2, 3, 4]


def write(path: Path, content: object) -> None:
    """Text, one array, or several."""
    if isinstance(content, str):
        path.write_text(content)
    elif isinstance(content, dict):
        np.savez(path, **content)
    else:
        np.save(path, np.asarray(content))


NAN_ROWS = np.array([[1.0, 2.0], [np.nan, 1.0], [np.inf, np.nan]])


@pytest.mark.parametrize(
    ("name", "content", "arguments", "message"),
    [
        ("x.txt", "1,2", {}, "File.path: expected a .csv, .npy or .npz file, got '{path}'"),
        ("x.csv", "", {}, "File.path: expected at least one line in {path}, got 0"),
        ("x.csv", "a,b\n", {}, "File.path: expected rows below the header of {path}, got 0"),
        ("x.csv", "1,2\n", {}, "File.path: expected at least 2 rows in {path}, got 1"),
        (
            "x.csv",
            "a,b\n1,2\n3,oops\n",
            {},
            "File.path: expected a number in line 3, column 'b' of {path}, got 'oops'; name a ",
        ),
        (
            "x.csv",
            "a,b\n1,\n",
            {},
            "File.path: expected a number in line 2, column 'b' of {path}, ",
        ),
        ("x.csv", "1,2\n1,2,3\n", {}, "File.path: expected 2 cells in line 2 of {path}, got 3"),
        (
            "x.csv",
            "1,2\n3,4\nnan,inf\n",
            {},
            "File.path: expected no NaN and no infinite values "
            "(the first is in row 2, counted from 0), got 2; drop or fill these rows",
        ),
        (
            "x.csv",
            "width,height\n1,2\n3,4\n",
            {"columns": ["witdh"]},
            "File.columns: expected one of the columns width, height, got 'witdh'; "
            "did you mean 'width'?",
        ),
        (
            "x.csv",
            "width,height\n1,2\n3,4\n",
            {"label": "hight"},
            "File.label: expected one of the columns width, height, got 'hight'; "
            "did you mean 'height'?",
        ),
        ("x.csv", "1\n2\n", {"label": "0"}, "File.columns: expected at least one column of num"),
        ("x.csv", "1\n2\n", {"key": "a"}, "File.key: expected null for a .csv file, got 'a'"),
        ("x.npy", np.ones((1, 2)), {}, "File.path: expected at least 2 rows in {path}, got 1"),
        ("x.npy", np.ones(()), {}, "File.path: expected rows in {path}, got 'a single number'"),
        (
            "x.npy",
            np.array(["a", "b"]),
            {},
            "File.path: expected real numbers in {path}, got '<U1'",
        ),
        ("x.npy", np.ones(3) * 1j, {}, "File.path: expected real numbers in {path}, got 'complex"),
        (
            "x.npy",
            np.array([{}, {}]),
            {},
            "File.path: expected arrays of numbers in {path}, got 'Object arrays cannot be",
        ),
        (
            "x.npz",
            {"x": np.array([{}, {}])},
            {},
            "File.path: expected arrays of numbers in {path}, got 'Object arrays cannot be",
        ),
        (
            "x.npy",
            NAN_ROWS,
            {},
            "File.path: expected no NaN and no infinite values "
            "(the first is in row 1, counted from 0), got 3",
        ),
        ("x.npy", np.array([1.0, 1e300]), {}, "File.path: expected no NaN and no infinite values"),
        ("x.npy", np.ones(3), {"columns": ["a"]}, "File.columns: expected null for an array file"),
        ("x.npy", np.ones(3), {"key": "a"}, "File.key: expected null for a .npy file, got 'a'"),
        ("x.npy", np.ones(3), {"label": "a"}, "File.label: expected null for a .npy file, got"),
        (
            "x.npz",
            {"x": np.ones(3), "y": np.ones(3)},
            {},
            "File.key: expected one of x, y, the arrays in {path}, got None",
        ),
        (
            "x.npz",
            {"x": np.ones(3)},
            {"key": "z"},
            "File.key: expected one of the arrays x, got 'z'",
        ),
        (
            "x.npz",
            {"x": np.ones(3), "y": np.ones(4)},
            {"label": "y"},
            "File.label: expected shape (3,), got (4,)",
        ),
        (
            "x.npy",
            np.ones(3),
            {"held_out_fraction": 1.0},
            "File.held_out_fraction: expected a number in (0, 1), got 1.0",
        ),
    ],
)
def test_file_errors_name_the_argument_and_the_place(
    tmp_path: Path, name: str, content: object, arguments: dict[str, object], message: str
) -> None:
    path = tmp_path / name
    write(path, content)
    with pytest.raises(ValueError) as error:
        File(path=str(path), **arguments)  # type: ignore[arg-type]
    assert str(error.value).startswith(message.format(path=path))


def test_file_that_is_missing_is_named_with_the_folder_it_was_sought_in(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    with pytest.raises(ValueError) as error:
        File(path="no.csv")
    assert str(error.value) == (
        f"File.path: expected an existing file, got 'no.csv'; relative paths start at {tmp_path}"
    )
    (tmp_path / "rows.csv").write_text("1\n2\n")
    assert File(path="rows.csv").num_train == 1


@pytest.mark.parametrize("name", ["x.csv", "x.npy", "x.npz"])
def test_file_that_is_damaged_is_refused_by_name(tmp_path: Path, name: str) -> None:
    path = tmp_path / name
    path.write_bytes(b"\xff\xfe\x00PK")
    with pytest.raises(ValueError, match=r"^File\.path: expected "):
        File(path=str(path))


@pytest.mark.parametrize(
    ("build", "message"),
    [
        (lambda: Checkerboard(cell_width=0), "Checkerboard.cell_width: expected a number > 0"),
        (lambda: EightGaussians(radius=-1), "EightGaussians.radius: expected a number > 0"),
        (lambda: EightGaussians(std=0), "EightGaussians.std: expected a number > 0"),
        (lambda: Moons(size=math.inf), "Moons.size: expected a number > 0"),
        (lambda: Moons(noise=-0.1), "Moons.noise: expected a number >= 0, got -0.1"),
        (lambda: SCurve(noise=-0.1), "SCurve.noise: expected a number >= 0"),
        (lambda: SwissRoll(noise=math.nan), "SwissRoll.noise: expected a number >= 0"),
        (lambda: Pinwheel(arms=0), "Pinwheel.arms: expected a whole number >= 1, got 0"),
        (lambda: Pinwheel(twist=math.inf), "Pinwheel.twist: expected a finite number"),
        (lambda: Rings(rings=0), "Rings.rings: expected a whole number >= 1, got 0"),
        (lambda: Rings(noise=-1), "Rings.noise: expected a number >= 0"),
        (
            lambda: Table(name="whine"),
            "Table.name: expected one of breast_cancer, diabetes, iris, wine, got 'whine'",
        ),
        (lambda: Digits(held_out_fraction=0), "Digits.held_out_fraction: expected a number in (0"),
        (lambda: GaussianMixture(modes=0), "GaussianMixture.modes: expected a whole number >= 1"),
        (lambda: GaussianMixture(dim=0), "GaussianMixture.dim: expected a whole number >= 1"),
        (lambda: GaussianMixture(radius=0), "GaussianMixture.radius: expected a number > 0"),
        (
            lambda: GaussianMixture(means=[[0.0, 1.0], [2.0]]),
            "GaussianMixture.means: expected K points of D coordinates each, got [[0.0, 1.0], [2",
        ),
        (lambda: GaussianMixture(means=[]), "GaussianMixture.means: expected K points"),
        (
            lambda: GaussianMixture(means=[[0.0], [1.0]], weights=[1.0, 0.0]),
            "GaussianMixture.weights: expected 2 numbers > 0, one for each component, got [1.0",
        ),
        (
            lambda: GaussianMixture(means=[[0.0], [1.0]], std=[1.0, 1.0, 1.0]),
            "GaussianMixture.std: expected numbers > 0: one, 2, or 2 x 1 of them, got [1.0",
        ),
        (
            lambda: GaussianMixture(means=[[0.0, 0.0]], covariances=[[[1.0]]]),
            "GaussianMixture.covariances: expected shape (1, 2, 2), got (1, 1, 1)",
        ),
        (
            lambda: GaussianMixture(means=[[0.0, 0.0]], covariances=[[[1.0, 2.0], [2.0, 1.0]]]),
            "GaussianMixture.covariances: expected symmetric positive definite matrices, got",
        ),
        (
            lambda: GaussianMixture(means=[[0.0, 0.0]], covariances=[[[1.0, 0.5], [0.0, 1.0]]]),
            "GaussianMixture.covariances: expected symmetric positive definite matrices, got",
        ),
        (lambda: FiniteData(torch.ones(1, 2)), "FiniteData.x: expected at least 2 rows, got 1"),
        (lambda: FiniteData(torch.ones(3)), "FiniteData.x: expected shape (rows, *event)"),
        (
            lambda: FiniteData(torch.ones(3, 1), torch.ones(2)),
            "FiniteData.label: expected one label for each of 3 rows, got 2",
        ),
        (
            lambda: FiniteData(torch.tensor(NAN_ROWS)),
            "FiniteData.x: expected no NaN and no infinite values (the first is in row 1, coun",
        ),
        (
            lambda: numbered(80).train_batch(0, 31, seed=0, world_size=2),
            "FiniteData.batch_size: expected at most the 60 training rows over all ranks, got 62",
        ),
    ],
)
def test_data_refuses_bad_arguments_by_name(build: Callable[[], object], message: str) -> None:
    with pytest.raises(ValueError) as error:
        build()
    assert str(error.value).startswith(message)
