"""Conversions between fields: closed forms, round trips, and errors."""

from dataclasses import dataclass

import pytest
import torch
from helpers.problems import (
    DRIFTING,
    INTERPOLANTS,
    TARGET,
    ConditionedNetwork,
    exact_fields,
    times,
)

from interpolants.base.callable import CallableBase
from interpolants.base.dataset import DatasetBase
from interpolants.coupling.minibatch_ot import MinibatchOTCoupling
from interpolants.coupling.paired import PairedCoupling
from interpolants.fields.fields import FIELDS, Fields
from interpolants.interpolant.base import AffineInterpolant
from interpolants.interpolant.custom import CustomInterpolant
from interpolants.interpolant.encoder_decoder import EncoderDecoderInterpolant
from interpolants.interpolant.gamma.base import Gamma
from interpolants.interpolant.gamma.brownian_bridge import BrownianBridgeGamma
from interpolants.interpolant.gamma.zero import ZeroGamma
from interpolants.interpolant.linear import LinearInterpolant
from interpolants.interpolant.mirror import MirrorInterpolant
from interpolants.interpolant.one_sided_linear import OneSidedLinearInterpolant
from interpolants.interpolant.trigonometric import TrigonometricInterpolant
from interpolants.objective.denoiser import DenoiserObjective
from interpolants.objective.score import ScoreObjective
from interpolants.sampler.process.backward_sde import BackwardSDE
from interpolants.sampler.process.forward_sde import ForwardSDE
from interpolants.sampler.process.probability_flow import ProbabilityFlow
from interpolants.sampler.sampler import Sampler
from interpolants.sampler.solver.euler_maruyama import EulerMaruyama


@dataclass(frozen=True, kw_only=True)
class _Shifted(AffineInterpolant):
    """x_t = t^2 / 3 + (1 - t) x0 + t x1 + gamma z."""

    gamma: Gamma = BrownianBridgeGamma()
    shifted = True

    def alpha_beta(self, t):
        return 1 - t, t, -torch.ones_like(t), torch.ones_like(t)

    def shift(self, t):
        return t.square() / 3, 2 * t / 3


_PATHS = INTERPOLANTS | {"shifted": _Shifted(), "drifting": DRIFTING}
_ONE_SIDED = [stem for stem, path in _PATHS.items() if path.one_sided]
_TWO_SIDED = [stem for stem, path in _PATHS.items() if not path.one_sided]
_SINGLE = [(name,) for name in FIELDS]
_NOISE = ("denoiser", "score", "multiplicative_score")
_PAIRS = [(name, noise) for name in ("velocity", "mean_velocity") for noise in _NOISE]
_WITH_TARGET = [("target_mean", noise) for noise in _NOISE]
_T = torch.linspace(0.06, 0.93, 9, dtype=torch.float64)


def _sets():
    """Every path with every set of predictions that determines all fields but `without`."""
    for stem in _ONE_SIDED:
        yield from ((stem, predicts, ()) for predicts in _SINGLE)
    for stem in _TWO_SIDED:
        determinate = _PATHS[stem].determinate
        mirror = _PATHS[stem].is_mirror
        lost = () if determinate or mirror else ("target_mean",)
        yield from ((stem, predicts, lost) for predicts in _PAIRS)
        if determinate:
            yield from ((stem, predicts, ()) for predicts in _WITH_TARGET)
        if mirror:
            yield from ((stem, (name,), ()) for name in _NOISE)


def _states(n=9):
    generator = torch.Generator().manual_seed(11)
    return 1.3 * torch.randn(n, 2, generator=generator, dtype=torch.float64)


@pytest.mark.parametrize(("stem", "predicts", "lost"), list(_sets()))
def test_fields_convert_what_is_predicted_to_every_exact_field(stem, predicts, lost):
    path, x = _PATHS[stem], _states()
    names = [name for name in FIELDS if name not in lost]
    expected = exact_fields(path, names).predict(_T, x)
    got = exact_fields(path, predicts).evaluate(_T, x, names)
    for name in names:
        tolerance = 1e-10 * (1 + expected[name].abs().max().item())
        torch.testing.assert_close(got[name], expected[name], rtol=0, atol=tolerance, msg=name)
    for name in lost:
        with pytest.raises(ValueError, match=f"Fields.{name}: "):
            exact_fields(path, predicts).check(name)


def _round_trips():
    for stem in _ONE_SIDED:
        for first in _SINGLE:
            yield from ((stem, first, second) for second in _SINGLE if first != second)
    for stem in _TWO_SIDED:
        sets = _PAIRS + (_WITH_TARGET if _PATHS[stem].determinate else [])
        # On a mirror two predictions are one too many to be arbitrary.
        sets = [(name,) for name in _NOISE] if _PATHS[stem].is_mirror else sets
        for first in sets:
            yield from ((stem, first, second) for second in sets if first != second)


@pytest.mark.parametrize(("stem", "first", "second"), list(_round_trips()))
def test_fields_convert_there_and_back(stem, first, second):
    path, x = _PATHS[stem], _states()
    given = torch.randn(len(_T), len(first), 2, dtype=torch.float64)
    there = Fields(net=ConditionedNetwork(given), interpolant=path, predicts=first).evaluate(
        _T, x, second
    )
    heads = torch.stack([there[name] for name in second], dim=1)
    back = Fields(net=ConditionedNetwork(heads), interpolant=path, predicts=second).evaluate(
        _T, x, first
    )
    scale = 1 + heads.abs().max().item()
    got = torch.stack([back[name] for name in first], dim=1)
    torch.testing.assert_close(got, given, rtol=0, atol=1e-12 * scale)


def test_fields_without_latent_noise_need_only_the_velocity():
    x = _states()
    for build in (LinearInterpolant, TrigonometricInterpolant):
        path = build(gamma=ZeroGamma())
        names = ["velocity", "mean_velocity", "target_mean"]
        expected = exact_fields(path, names).predict(_T, x)
        for predicts in (("velocity",), ("mean_velocity",), ("target_mean",)):
            got = exact_fields(path, predicts).evaluate(_T, x, names)
            for name in names:
                torch.testing.assert_close(got[name], expected[name], rtol=0, atol=1e-10)


@pytest.mark.parametrize("stem", _PATHS)
def test_score_and_denoiser_have_opposite_signs(stem):
    """denoiser = -level * score: the sign in which published codes differ."""
    path, x = _PATHS[stem], _states()
    one_sided = path.one_sided
    fields = exact_fields(path, ("denoiser",))
    got, c = fields.evaluate(_T, x, _NOISE), path.coefficients(_T)
    level = (c.alpha if one_sided else c.gamma)[:, None]
    torch.testing.assert_close(got["denoiser"], -level * got["score"])
    exact = exact_fields(path, ("score",)).predict(_T, x)["score"]
    torch.testing.assert_close(got["score"], exact, rtol=1e-9, atol=1e-9)
    torch.testing.assert_close(got["multiplicative_score"], got["score"] - 1)


def test_fields_of_a_path_given_as_a_function_convert_without_alpha_and_beta():
    custom = CustomInterpolant(function=lambda t, x0, x1: (1 - t) * x0 + t * x1)
    x, heads = _states(), torch.randn(len(_T), 2, 2, dtype=torch.float64)
    for predicts in _PAIRS:
        got, expected = (
            Fields(net=ConditionedNetwork(heads), interpolant=path, predicts=predicts).evaluate(
                _T, x, ["velocity", "mean_velocity", *_NOISE]
            )
            for path in (custom, LinearInterpolant())
        )
        for name, value in expected.items():
            torch.testing.assert_close(got[name], value)
        with pytest.raises(ValueError, match=r"Fields.target_mean: .*CustomInterpolant"):
            Fields(net=ConditionedNetwork(heads), interpolant=custom, predicts=predicts).check(
                "target_mean"
            )


def test_fields_are_evaluated_from_one_call_at_one_time_for_all_or_one_for_each():
    fields, x = exact_fields(INTERPOLANTS["linear"], ("velocity", "denoiser")), _states(3)
    calls = []
    fields.net.register_forward_pre_hook(lambda *_: calls.append(None))
    each = fields.evaluate(times(0.3, 0.3, 0.3), x, FIELDS)
    assert len(calls) == 1
    shared = {name: getattr(fields, name)(times(0.3)[0], x) for name in FIELDS}
    for name in FIELDS:
        torch.testing.assert_close(shared[name], each[name])


_TWO, _H = ("velocity", "denoiser"), "multiplicative_score"


@pytest.mark.parametrize(
    ("path", "predicts", "name", "options", "message"),
    [
        (OneSidedLinearInterpolant(), ("velocity",), "score", "ot", "an independent coupling"),
        (OneSidedLinearInterpolant(), ("velocity",), "score", "paired", "PairedCoupling"),
        (OneSidedLinearInterpolant(), ("denoiser",), "score", "data", "standard normal base"),
        (OneSidedLinearInterpolant(), ("denoiser",), "score", "function", "CallableBase"),
        (OneSidedLinearInterpolant(), ("score",), "score", "data", "standard normal base"),
        (OneSidedLinearInterpolant(), ("score",), "velocity", "ot", "an independent coupling"),
        (LinearInterpolant(gamma=ZeroGamma()), ("velocity",), "score", "", "gamma > 0"),
        (LinearInterpolant(gamma=ZeroGamma()), ("score",), "velocity", "", "gamma > 0"),
        (LinearInterpolant(gamma=ZeroGamma()), ("velocity",), "denoiser", "", "Fields.denoiser"),
        (OneSidedLinearInterpolant(), ("velocity",), _H, "ot", "an independent coupling"),
        (OneSidedLinearInterpolant(), (_H,), "velocity", "data", "standard normal base"),
        (LinearInterpolant(gamma=ZeroGamma()), (_H,), "velocity", "", "gamma > 0"),
        (LinearInterpolant(), ("velocity",), _H, "", "Fields.multiplicative_score: expected"),
        (LinearInterpolant(), ("velocity",), "denoiser", "", "Fields.denoiser: expected"),
        (LinearInterpolant(), ("velocity",), "score", "", "Fields.score: expected"),
        (LinearInterpolant(), ("velocity",), "mean_velocity", "", "Fields.mean_velocity"),
        (LinearInterpolant(), ("denoiser",), "velocity", "", "Fields.velocity: expected"),
        (LinearInterpolant(), ("target_mean",), "velocity", "", "Fields.velocity: expected"),
        (LinearInterpolant(), ("velocity", "target_mean"), "score", "", "Fields.score"),
        (EncoderDecoderInterpolant(), _TWO, "target_mean", "", "Fields.target_mean: expected"),
        (EncoderDecoderInterpolant(), ("target_mean", "denoiser"), "velocity", "", "velocity"),
        (MirrorInterpolant(), ("target_mean",), "velocity", "", "Fields.velocity: expected"),
        (LinearInterpolant(), _TWO, "drift", "", "expected a field out of"),
    ],
)
def test_fields_refuse_by_name(path, predicts, name, options, message):
    given = {
        "": {},
        "ot": {"coupling": MinibatchOTCoupling()},
        "paired": {"coupling": PairedCoupling()},
        "data": {"base": DatasetBase(data=TARGET)},
        "function": {"base": CallableBase(draw=lambda n, g: torch.zeros(n, 2))},
    }[options]
    fields = Fields(
        net=ConditionedNetwork(torch.zeros(())), interpolant=path, predicts=predicts, **given
    )
    with pytest.raises(ValueError, match=message):
        fields.check(name)
    if name == "score":
        for process in (ForwardSDE, BackwardSDE):
            with pytest.raises(ValueError, match=message):
                Sampler(fields=fields, process=process, solver=EulerMaruyama(), epsilon=0.5)
    if name == "velocity":
        with pytest.raises(ValueError, match=message):
            Sampler(fields=fields, process=ProbabilityFlow)


def test_fields_with_latent_noise_have_a_score_under_any_base_and_coupling():
    base, coupling = DatasetBase(data=TARGET), MinibatchOTCoupling()
    fields = exact_fields(LinearInterpolant(), _TWO, base=base, coupling=coupling)
    fields.check("score")
    one_sided = exact_fields(OneSidedLinearInterpolant(), ("velocity",), coupling=coupling)
    for name in ("velocity", "target_mean"):
        one_sided.check(name)


@pytest.mark.parametrize("objective", [DenoiserObjective(), ScoreObjective()])
def test_objective_about_the_noise_is_refused_without_noise(objective):
    path = LinearInterpolant(gamma=ZeroGamma())
    fields = Fields(
        net=ConditionedNetwork(torch.zeros(())), interpolant=path, predicts=objective.predicts
    )
    with pytest.raises(ValueError, match=r"expected latent noise gamma > 0, .*got 'ZeroGamma'"):
        objective.check(fields)


@pytest.mark.parametrize("predicts", [(), ("velocity", "velocity"), ("eps",)])
def test_fields_refuse_predictions(predicts):
    with pytest.raises(ValueError, match=r"Fields.predicts: expected distinct names out of"):
        Fields(
            net=ConditionedNetwork(torch.zeros(())),
            interpolant=LinearInterpolant(),
            predicts=predicts,
        )
