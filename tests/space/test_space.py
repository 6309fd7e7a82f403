"""Spaces of data and their charts."""

import copy
import itertools
import math
from typing import final

import pytest
import torch
from helpers.problems import load, times

from interpolants.space.base import Space
from interpolants.space.log import LogSpace
from interpolants.space.logit import LogitSpace
from interpolants.space.positive_map import PositiveMap
from interpolants.space.signed_log import SignedLogSpace
from interpolants.testing import check_space

_PIXELS = PositiveMap(offset=1.0, scale=0.0625, low=0.0, high=16.0)


def _signed(signs):
    space = SignedLogSpace()
    space.fit(torch.tensor([signs]))
    return space


def _values(dtype):
    sizes = [
        0,
        1,
        15,
        16,
        17,
        36,
        37,
        50,
        87,
        88,
        89,
        103,
        104,
        708,
        709,
        745,
        746,
        1e30,
        math.inf,
    ]
    return torch.tensor([*reversed([-size for size in sizes]), *sizes], dtype=dtype)[None]


def test_log_space_is_the_logarithm_of_the_mapped_data():
    x = times(0.0, 4.0, 16.0)[None]
    y = LogSpace(map=_PIXELS).to_chart(x)
    torch.testing.assert_close(y, times(1.0, 1.25, 2.0).log()[None])
    torch.testing.assert_close(LogSpace(map=_PIXELS).from_chart(y), x)
    # dx/dy = p / scale
    slope = 3 * math.log(16) + math.log(1.25 * 2)
    torch.testing.assert_close(LogSpace(map=_PIXELS).log_slope(y), times(slope))


def test_log_space_clamps_samples_but_not_slopes():
    y, space = times(-1.0, 0.3, 5.0)[None], LogSpace(map=_PIXELS)
    assert space.from_chart(y)[0, [0, 2]].tolist() == [0, 16]
    free = LogSpace(map=PositiveMap(offset=1.0, scale=0.0625))
    assert torch.equal(space.log_slope(y), free.log_slope(y))
    assert torch.equal(space.from_chart(y)[0, 1], free.from_chart(y)[0, 1])
    assert free.from_chart(y)[0, 0] < 0


def test_logit_space_is_the_logit():
    x = times(-0.5, 0.5, 2.0)[None]
    space = LogitSpace(low=-1.0, high=3.0)
    torch.testing.assert_close(space.to_chart(x), torch.logit((x + 1) / 4))
    # dx/dy = (x - low) (high - x) / (high - low)
    expected = ((x + 1) * (3 - x) / 4).log().sum(1)
    torch.testing.assert_close(space.log_slope(space.to_chart(x)), expected)


def test_signed_space_keeps_the_sign_of_every_coordinate():
    space, x = _signed([[-3.0, 2.0], [1.0, -1.0]]), torch.tensor([[[-0.5, 1e-30], [7.0, -1e30]]])
    assert torch.equal(space.signs, torch.tensor([[-1.0, 1.0], [1.0, -1.0]]))
    torch.testing.assert_close(space.to_chart(x), x.abs().log())
    torch.testing.assert_close(space.from_chart(x.abs().log()), x, rtol=1e-5, atol=0)
    noise = 100 * torch.randn(500, 2, 2, generator=torch.Generator().manual_seed(0))
    assert torch.equal(space.from_chart(noise).sign(), space.signs.expand_as(noise))


_MAPS = [
    PositiveMap(offset=offset, scale=scale)
    for offset, scale in itertools.product(
        (0.0, 1.0, -3.0, 1e-3, 1e6, -1e6, 0.1), (1.0, 0.0625, 1e-20, 1e20, 3.7)
    )
]
_BOUNDS = [(0, 1), (-1, 0), (0.1, 0.3), (-5, 7), (1e6, 1e6 + 1), (0, 1e-20), (0, 1e20), (-1e-3, 0)]


@pytest.mark.parametrize("dtype", [torch.float32, torch.float64])
def test_states_of_any_size_land_inside_in_every_precision(dtype):
    y = _values(dtype)
    spaces = [LogSpace(map=each) for each in [*_MAPS, _PIXELS]]
    spaces += [LogitSpace(low=low, high=high) for low, high in _BOUNDS]
    for space in spaces:
        x = space.from_chart(y)
        space.check(x)
        assert space.to_chart(x).isfinite().all() and x.isfinite().all() and x.dtype == dtype
        assert (x.diff() >= 0).all()
    space = _signed([1.0, -1.0] * (y.shape[1] // 2))
    space.check(space.from_chart(y))


@pytest.mark.parametrize(("dtype", "error"), [(torch.float32, 1e-5), (torch.float64, 1e-12)])
def test_states_of_common_size_come_back_in_every_precision(dtype, error):
    room = torch.linspace(-5, 5, 100, dtype=dtype)[None]
    for space in (LogSpace(), LogitSpace(), _signed([1.0, -1.0] * 50)):
        back = space.to_chart(space.from_chart(room))
        torch.testing.assert_close(back, room, rtol=error, atol=error)


@pytest.mark.parametrize(
    ("offset", "scale"), [(1.0, 0.0625), (-3.0, 3.7), (0.1, 1e20), (1e-3, 1e-20), (1e3, 1.0)]
)
def test_log_space_keeps_the_contract_with_any_map(offset, scale):
    map = PositiveMap(offset=offset, scale=scale)
    p = 1 + torch.rand(4, 3, generator=torch.Generator().manual_seed(0)).double()
    check_space(LogSpace(map=map), map.inverse(p))


def test_logit_and_signed_spaces_keep_the_contract_away_from_the_unit_interval():
    u = 0.05 + 0.9 * torch.rand(4, 3, generator=torch.Generator().manual_seed(0)).double()
    check_space(LogitSpace(low=-3.0, high=2.0), 5 * u - 3)
    check_space(SignedLogSpace(), u * times(-1.0, 2.0, -3.0))


_ONES = torch.ones(2, 3)


@pytest.mark.parametrize(
    ("build", "message"),
    [
        (
            lambda: LogSpace().check(torch.tensor([[1.0, -2.5], [0.0, 4.0]])),
            r"LogSpace.map: expected finite values above 0 \(2 of 4 are not; the smallest and the "
            r"largest are shown\), got \(-2.5, 4.0\); raise the map's offset \(space.map.offset\),"
            " or use space=euclidean",
        ),
        (
            lambda: LogSpace(map=_PIXELS).check(torch.tensor([[1.0, 17.0]])),
            r"LogSpace.map: expected values in \[0, 16\] \(1 of 2 are not; .* \(1.0, 17.0\); chan",
        ),
        (
            lambda: LogitSpace().check(torch.tensor([[0.5, 1.0, 0.0, 2.0]])),
            r"LogitSpace: expected values inside \(0.0, 1.0\) \(3 of 4 are not; .* got "
            r"\(0.0, 2.0\); move low and high apart",
        ),
        (
            lambda: _signed([1.0, -2.0]).check(torch.tensor([[1.0, 1.0], [0.0, -1.0]])),
            r"SignedLogSpace.signs: expected finite values of their coordinate's sign in the "
            r"training rows \(2 of 4 are not",
        ),
        (
            lambda: SignedLogSpace().fit(torch.tensor([[1.0, 2.0, 0.0], [1.0, -3.0, 0.0]])),
            r"SignedLogSpace.fit: expected coordinates of one sign, never 0 \(2 of 3 are not; "
            r"number 1, counted from 0, has the extremes shown\), got \(-3.0, 2.0\); leave these",
        ),
        (lambda: SignedLogSpace().check(_ONES), "SignedLogSpace.signs: expected a fitted space"),
        (lambda: SignedLogSpace().to_chart(_ONES), "SignedLogSpace.signs: expected a fitted"),
        (lambda: SignedLogSpace().from_chart(_ONES), "signs: .*; call fit with training rows"),
        (lambda: LogitSpace(low=1.0), r"LogitSpace.high: expected a number > low = 1.0, got 1.0"),
        (lambda: LogitSpace(low=-math.inf), "LogitSpace.low: expected a finite number"),
        (lambda: PositiveMap(scale=0.0), "PositiveMap.scale: expected a number > 0, got 0.0"),
        (lambda: PositiveMap(offset=math.nan), "PositiveMap.offset: expected a finite number"),
        (
            lambda: PositiveMap(low=0.0),
            r"PositiveMap.low: expected a number above -offset / scale = 0, got 0.0; raise the",
        ),
        (
            lambda: PositiveMap(offset=1.0, low=1.0, high=0.5),
            "PositiveMap.high: expected a number > low = 1.0, got 0.5",
        ),
    ],
)
def test_space_refuses(build, message):
    with pytest.raises(ValueError, match=message):
        build()


def test_space_takes_the_shape_of_signs_that_are_loaded():
    saved, space = _signed([[1.0, -2.0]]).state_dict(), SignedLogSpace()
    space.load_state_dict(saved)
    assert torch.equal(space.signs, torch.tensor([[1.0, -1.0]]))
    space = SignedLogSpace()
    space.load_state_dict({"signs": saved["signs"].double()})
    assert space.signs.dtype == torch.float32
    with pytest.raises(RuntimeError, match=r'Missing key\(s\) in state_dict: "signs"'):
        SignedLogSpace().load_state_dict({})


def test_spaces_are_the_same_by_kind_settings_and_fit():
    different = [
        load("space", "euclidean"),
        LogSpace(),
        LogSpace(map=_PIXELS),
        LogitSpace(),
        LogitSpace(high=2.0),
        SignedLogSpace(),
        _signed([1.0, -1.0]),
        _signed([1.0, 1.0]),
    ]
    for i, one in enumerate(different):
        assert one.same_as(copy.deepcopy(one))
        assert not any(one.same_as(other) for other in different[i + 1 :])
    assert LogSpace(map=PositiveMap()).same_as(LogSpace())


@final
class _Half(Space):
    """The positive numbers, with a planted fault."""

    def __init__(self, fault=""):
        super().__init__()
        self.fault = fault

    def check(self, x):
        bad = ~(x > 0) if self.fault == "inf" else ~((x > 0) & x.isfinite())
        if bad.any() and self.fault != "check":
            raise ValueError(f"{int(bad.sum())} of {x.numel()}")

    def to_chart(self, x):
        return (2 * x if self.fault == "inverse" else x).log()

    def from_chart(self, y):
        bounded = y if self.fault == "clamp" else y.clamp(-80, 80)
        return bounded.exp()

    def log_slope(self, y):
        return (y if self.fault != "slope" else y + 0.1).flatten(1).sum(1)


@pytest.mark.parametrize(
    ("fault", "match"),
    [
        ("inverse", r"from_chart\(to_chart\(x\)\): off by"),
        ("slope", "log_slope against autodiff: off by"),
        ("clamp", r"from_chart\(100.0\) in torch.float32: not finite"),
        ("check", "check: nan not refused by its count, 1 of 960"),
        ("inf", "check: inf not refused by its count"),
    ],
)
def test_space_contract_finds(fault, match):
    check_space(_Half())
    with pytest.raises(AssertionError, match=match):
        check_space(_Half(fault))
