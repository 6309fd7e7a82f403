"""Every part in conf keeps the contract of its family."""

import numpy as np
import pytest
from helpers.image_files import OPTIONS, write_image_data, write_image_network
from helpers.problems import load, node_of, stems

from interpolants.testing import (
    check_base,
    check_coupling,
    check_data,
    check_epsilon,
    check_features,
    check_gamma,
    check_grid,
    check_interpolant,
    check_metric,
    check_net,
    check_objective,
    check_solver,
    check_space,
    check_time_sampler,
    check_weight,
)

_CHECKS = {
    "base": check_base,
    "coupling": check_coupling,
    "data": check_data,
    "features": check_features,
    "interpolant": check_interpolant,
    "interpolant/gamma": check_gamma,
    "metric": check_metric,
    "net": check_net,
    "objective": check_objective,
    "sampler/epsilon": check_epsilon,
    "sampler/grid": check_grid,
    "sampler/solver": check_solver,
    "space": check_space,
    "time_sampler": check_time_sampler,
    "weight": check_weight,
}
# Solvers that are not planned, without an order of their own: tested against those that are.
_UNPLANNED = ("dormand_prince", "torchdiffeq", "torchsde")
# What needs a trained run, or a flow map, is tested with closed forms.
# No two batches of one row differ; and classes of others are tested with their families.
_TAUGHT = tuple(f"{kind}_distillation" for kind in ("consistency", "lagrangian", "semigroup"))
_MAPS = (*_TAUGHT, "jump", "renoise", "strang_map")
_LEFT_OUT = (
    *_UNPLANNED,
    *_MAPS,
    "bridge",
    "torch_module",
    "diffusers_unet",
    "dataset",
    "huggingface",
)
# Options of the checks of some parts.
_OPTIONS = {
    f"data/{stem}": {"later": True} for stem in stems("data") if stem.startswith("time_series")
}
_OPTIONS["data/photo_patches"] = {"later": True}  # lower in the photographs


@pytest.fixture(scope="module")
def needed(tmp_path_factory):
    """What parts need beside their yaml."""
    path = str(tmp_path_factory.mktemp("files") / "pairs.npz")
    x0 = np.random.default_rng(0).normal(size=(80, 2))
    np.savez(path, x0=x0, x1=3 * x0 + 1)
    series = path.replace(".npz", ".csv")
    x0[::3, 1] = np.nan
    np.savetxt(series, x0, delimiter=",")
    folder = tmp_path_factory.mktemp("images")
    # Means of few held-out rows are far from normal.
    write_image_data(folder, images=500)
    network = write_image_network(folder / "network.pt")
    images = {f"data/{name}": {key: str(folder / path)} for name, (key, path) in OPTIONS.items()}
    return images | {
        "data/array": {"path": path, "key": "x1"},
        "data/file": {"path": path, "key": "x1"},
        "data/pairs": {"path": path},
        "data/time_series": {"path": series, "length": 16},
        "data/image_folder": {"path": str(folder / "images"), "size": 4},
        "data/moving_digits": {"frames": 4, "canvas": 16, "digit_size": 8},
        "data/moving_digits_small": {"frames": 4, "canvas": 16, "digit_size": 8},
        **{f"net/{stem}": {"channels": 32} for stem in stems("net") if stem.startswith("unet")},
        "net/conservative": {"potential": node_of("net", "unet") | {"channels": 8}},
        "base/dataset_target": {"data": node_of("data", "moons")},
        "features/classifier": {"folder": str(folder)},
        "features/inception": {"path": network, "folder": str(folder)},
    }


@pytest.mark.parametrize(
    ("group", "stem"),
    [(group, stem) for group in _CHECKS for stem in stems(group) if stem not in _LEFT_OUT],
)
def test_contract_is_kept_by(group, stem, needed, monkeypatch):
    monkeypatch.setattr("interpolants.metric.features.classifier._LEAST_STEPS", 20)
    part = load(group, stem, **needed.get(f"{group}/{stem}", {}))
    _CHECKS[group](part, **_OPTIONS.get(f"{group}/{stem}", {}))
