"""Checks of numeric arguments: each part refuses values outside of the range."""

import math
import re

import numpy as np
import pytest
import torch
from helpers.image_files import OPTIONS, write_image_data
from helpers.problems import INTERPOLANTS, exact_fields, load, node_of, stems
from torch.optim import SGD

from interpolants.net.embedding import TimeEmbedding
from interpolants.sampler.process.forward_sde import ForwardSDE
from interpolants.sampler.process.probability_flow import ProbabilityFlow
from interpolants.training.scheduler.constant import constant
from interpolants.training.scheduler.cosine import cosine
from interpolants.utils.checks import (
    check_count,
    check_finite,
    check_not_negative,
    check_open_interval,
    check_positive,
    check_seed,
    check_unit_interval,
)

_FORM = re.compile(r"^(\w+\.)*\w+(\[\d+\])?: expected .+, got .+", re.DOTALL)
_BAD = ("text", math.nan, math.inf, -math.inf, True)
_GROUPS = (
    *("interpolant", "interpolant/gamma", "objective", "time_sampler", "weight", "coupling"),
    *("sampler/solver", "sampler/epsilon", "sampler/grid", "net", "data", "metric"),
)
# Made of classes of others; each has tests of its own.
_OF_OTHERS = {"torch_module", "diffusers_unet", "dataset", "huggingface"}


def _is_numeric(value):
    return isinstance(value, (int, float)) and not isinstance(value, bool)


def _arguments():
    """Every numeric argument in conf: of each list of numbers its last."""
    for group in _GROUPS:
        for stem in (stem for stem in stems(group) if stem not in _OF_OTHERS):
            for key, value in node_of(group, stem).items():
                if _is_numeric(value):
                    yield group, stem, key, None
                elif isinstance(value, list) and value and all(map(_is_numeric, value)):
                    yield group, stem, key, value


@pytest.fixture(scope="module")
def files(tmp_path_factory):
    folder = tmp_path_factory.mktemp("files")
    np.save(folder / "file.npy", np.arange(10.0).reshape(5, 2))
    rows = np.arange(10.0).reshape(5, 2)
    np.savez(folder / "pairs.npz", x0=rows, x1=rows)
    write_image_data(folder)
    own = {
        "array": str(folder / "file.npy"),
        "file": str(folder / "file.npy"),
        "pairs": str(folder / "pairs.npz"),
        "time_series": "nile",
    }
    paths = {stem: {"path": path} for stem, path in own.items()}
    return paths | {stem: {key: str(folder / path)} for stem, (key, path) in OPTIONS.items()}


def _build(group, stem, files, **changes):
    if stem in files:
        changes = files[stem] | changes
    part = load(group, stem, **changes)
    event_shape = (1, 8, 8) if stem.startswith(("dit", "unet")) else (2,)
    return part(event_shape=event_shape, heads=1) if group == "net" else part


@pytest.mark.parametrize(("group", "stem", "key", "numbers"), list(_arguments()))
def test_numeric_argument_refuses_what_is_no_number_of_its_range(group, stem, key, numbers, files):
    _build(group, stem, files)
    for bad in _BAD:
        value = bad if numbers is None else [*numbers[:-1], bad]
        with pytest.raises(ValueError) as error:
            _build(group, stem, files, **{key: value})
        assert _FORM.match(str(error.value)), f"{bad}: {error.value}"


@pytest.mark.parametrize("bad", _BAD)
@pytest.mark.parametrize(
    "build",
    [
        lambda bad: ProbabilityFlow(fields=_fields(), cut=bad),
        lambda bad: ForwardSDE(fields=_fields(), epsilon=0.5, cut=bad),
        lambda bad: TimeEmbedding(features=4, max_frequency=bad),
        lambda bad: constant(_optimizer(), max_steps=bad),
        lambda bad: constant(_optimizer(), max_steps=9, warmup_steps=bad),
        lambda bad: cosine(_optimizer(), max_steps=9, warmup_steps=bad),
        lambda bad: cosine(_optimizer(), max_steps=9, final_factor=bad),
        lambda bad: load("net", "mlp")(event_shape=(2,), heads=bad),
        lambda bad: load("net", "residual_mlp")(event_shape=(bad,), heads=1),
        lambda bad: load("net", "mlp")(event_shape=bad, heads=1),
    ],
)
def test_numeric_argument_of_a_part_without_yaml_refuses(build, bad):
    with pytest.raises(ValueError, match=_FORM):
        build(bad)


def _fields():
    return exact_fields(INTERPOLANTS["linear"], ("velocity", "denoiser"))


def _optimizer():
    return SGD([torch.zeros(1, requires_grad=True)], lr=1.0)


@pytest.mark.parametrize(
    ("check", "good", "bad", "rule"),
    [
        (check_count, (1, 7), (0, -1, 1.5, 2.0), "a whole number > 0"),
        (check_seed, (0, -3, 2**63 - 1), (1.0, 2**63), "a whole number of at most 63 bits"),
        (check_finite, (0, -2.5), (), "a finite number"),
        (check_positive, (1e-300, 3), (0, -1.0), "a number > 0"),
        (check_not_negative, (0, 0.0, 2.5), (-1e-9,), "a number >= 0"),
        (check_unit_interval, (0, 0.5, 1), (-0.1, 1.1), "a number in [0, 1]"),
    ],
)
def test_check_accepts_its_range_alone(check, good, bad, rule):
    for value in good:
        check("Class.argument", value)
    for value in (*bad, *_BAD, None):
        with pytest.raises(ValueError) as error:
            check("Class.argument", value)
        assert str(error.value) == f"Class.argument: expected {rule}, got {value!r}"


def test_check_open_interval_leaves_its_ends_out():
    check_open_interval("Class.argument", 0.25, 0, 0.5)
    for value in (0, 0.5, -1, 2, *_BAD):
        with pytest.raises(ValueError) as error:
            check_open_interval("Class.argument", value, 0, 0.5)
        rule = "Class.argument: expected a number in (0, 0.5), got"
        assert str(error.value) == f"{rule} {value!r}"
