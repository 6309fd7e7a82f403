"""Fits of scaling and base to data, and refused spaces of a base."""

from functools import partial

import pytest
import torch
from helpers.problems import INTERPOLANTS

from interpolants.base.dataset import DatasetBase
from interpolants.base.fitted import FittedBase
from interpolants.base.gaussian import GaussianBase
from interpolants.data.finite import FiniteData
from interpolants.fields.fields import Fields
from interpolants.interpolant.variance_exploding import VarianceExplodingInterpolant
from interpolants.space.euclidean import EuclideanSpace
from interpolants.space.log import LogSpace
from interpolants.space.positive_map import PositiveMap
from interpolants.space.signed_log import SignedLogSpace
from interpolants.task.building import fit_base, fit_scaling


def _rows(signs=(1.0, 1.0)):
    noise = torch.randn(5000, 2, generator=torch.Generator().manual_seed(0))
    return FiniteData(noise.exp() * torch.tensor(signs))


def _fit(space, fields):
    data = _rows()
    fit_base(data, fit_scaling(data, space), fields)


def _fields(base, path=INTERPOLANTS["one_sided_linear"]):
    net = torch.nn.Identity()
    return Fields(net=net, interpolant=path, predicts=["velocity"], base=base)


@pytest.mark.parametrize(("base", "takes"), [(GaussianBase(), 1000), (FittedBase(), 4000)])
def test_fit_base_takes_all_rows_only_for_a_base_that_is_fitted(base, takes, monkeypatch):
    fields, seen = _fields(base), []
    monkeypatch.setattr(Fields, "fit_base", lambda self, x1, label: seen.append(len(x1)))
    _fit(EuclideanSpace(), fields)
    assert seen == [takes]


def test_fit_base_still_warns_of_what_an_unfitted_base_leaves_out():
    fields = _fields(GaussianBase(), VarianceExplodingInterpolant(sigma_max=2.0))
    with pytest.warns(UserWarning, match=r"starts with data 0\.\d+ times as large"):
        _fit(EuclideanSpace(), fields)


@pytest.mark.parametrize(
    ("make", "space", "message"),
    [
        (
            partial(DatasetBase, data=_rows()),
            LogSpace(),
            r"^base\.space: expected the space of the data, LogSpace.*, got 'EuclideanSpace'; ",
        ),
        (
            partial(DatasetBase, data=_rows(), space=LogSpace(map=PositiveMap(offset=1.0))),
            LogSpace(),
            r"^base\.space: expected .*, got 'LogSpace.*offset=1\.0",
        ),
        (partial(DatasetBase, data=_rows(), space=LogSpace()), EuclideanSpace(), "got 'LogSpace"),
        (
            partial(DatasetBase, data=_rows((-1.0, 1.0)), space=SignedLogSpace()),
            SignedLogSpace(),
            "with the same settings and signs, got 'SignedLogSpace'",
        ),
    ],
)
def test_fit_base_refuses_a_base_in_another_space(make, space, message):
    with pytest.raises(ValueError, match=message):
        _fit(space, _fields(make()))


@pytest.mark.parametrize("kind", [EuclideanSpace, LogSpace, SignedLogSpace])
def test_fit_base_takes_a_base_in_the_space_of_the_data_or_in_none(kind):
    for base in (DatasetBase(data=_rows(), space=kind()), GaussianBase(), FittedBase()):
        _fit(kind(), _fields(base))
