"""Figures say which model and sampler they show, in the names and scale of the data."""

from functools import partial

import pytest
from helpers.figures import normal
from helpers.problems import INTERPOLANTS, exact_fields

from interpolants.data.finite import FiniteData
from interpolants.data.labels import Labels
from interpolants.model.model import Model
from interpolants.model.request import SampleRequest
from interpolants.plot.figure_info import FigureInfo
from interpolants.report.figure_info import figure_info
from interpolants.sampler.process.probability_flow import ProbabilityFlow
from interpolants.sampler.sampler import Sampler
from interpolants.space.log import LogSpace
from interpolants.space.logit import LogitSpace
from interpolants.space.positive_map import PositiveMap
from interpolants.space.scaling import Scaling


def _model(space=None, **options):
    fields = exact_fields(INTERPOLANTS["linear"], ("velocity", "denoiser"))
    scaling = Scaling(None, None, space)
    return Model(fields=fields, event_shape=(2,), scaling=scaling, **options)


def _data():
    data = FiniteData(normal(10, 2))
    data.columns = ("height", "weight")
    return data


def test_figures_name_the_path_the_process_the_solver_and_the_steps():
    labels = Labels(frequencies=(0.5, 0.5), names=("cat", "dog"))
    info = figure_info(_model(labels=labels), _data(), SampleRequest(n=2, num_steps=7))
    assert info.title == "LinearInterpolant: ProbabilityFlow by RK4, 7 steps"
    assert (info.columns, info.classes) == (("height", "weight"), ("cat", "dog"))
    assert not info.log and info.low == -float("inf")


@pytest.mark.parametrize(
    ("space", "low", "high", "log"),
    [
        (LogSpace(), 0.0, float("inf"), True),
        (LogSpace(map=PositiveMap(offset=1.0, low=0.0, high=1.0)), 0.0, 1.0, False),
        (LogitSpace(low=-1.0, high=3.0), -1.0, 3.0, False),
    ],
    ids=["positive", "pixels", "bounded"],
)
def test_figures_have_the_bounds_of_the_space(space, low, high, log):
    info = figure_info(_model(space), None, SampleRequest(n=2))
    assert (info.low, info.high, info.log) == (low, high, log)


def test_figures_of_a_backward_process_are_in_the_units_of_the_base():
    sampler = partial(Sampler, process=partial(ProbabilityFlow, backward=True))
    request = SampleRequest(n=2, sampler=sampler)
    info = figure_info(_model(LogSpace()), _data(), request)
    assert info == FigureInfo("LinearInterpolant: ProbabilityFlow by RK4, 16 steps")
