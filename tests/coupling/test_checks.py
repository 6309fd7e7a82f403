"""Every coupling checks lengths, shapes and labels, and pairs nothing with nothing."""

import pytest
import torch

from interpolants.coupling.independent import IndependentCoupling
from interpolants.coupling.minibatch_ot import MinibatchOTCoupling
from interpolants.coupling.paired import PairedCoupling

_COUPLINGS = [IndependentCoupling(), MinibatchOTCoupling(), PairedCoupling()]


@pytest.mark.parametrize("coupling", _COUPLINGS, ids=lambda c: type(c).__name__)
@pytest.mark.parametrize(
    ("shapes", "message"),
    [
        (((4, 2), (6, 2), (6,)), r"x0: expected x0 and x1 of one shape .* \(\(4, 2\), \(6, 2\)\)"),
        (((4, 2), (4, 3), (4,)), "x0: expected x0 and x1 of one shape"),
        (((4, 2), (4, 2), (3,)), r"label: expected a label for each of 4 samples, got \(3,\)"),
        (((4, 2), (4, 2), ()), "label: expected a label for each of 4 samples"),
    ],
)
def test_coupling_refuses_ends_and_labels_that_do_not_match(coupling, shapes, message):
    x0, x1, label = (torch.zeros(shape) for shape in shapes)
    with pytest.raises(ValueError, match=f"{type(coupling).__name__}.{message}"):
        coupling.pair(x0, x1, label.long())


@pytest.mark.parametrize("coupling", _COUPLINGS, ids=lambda c: type(c).__name__)
def test_coupling_of_no_samples_is_empty(coupling):
    empty = torch.zeros(0, 3)
    for label in (None, torch.zeros(0, dtype=torch.long)):
        assert coupling.pair(empty, empty, label).x0.shape == (0, 3)


def test_optimal_transport_refuses_values_that_are_not_finite():
    x = torch.tensor([[0.0], [torch.nan]])
    with pytest.raises(ValueError, match=r"MinibatchOTCoupling.x0: expected finite samples"):
        MinibatchOTCoupling().pair(x, torch.zeros(2, 1))
