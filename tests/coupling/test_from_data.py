"""Initial states that are computed from the data they are paired with."""

import pytest
import torch
from torch import nn

from interpolants.coupling.inpainting import InpaintingCoupling
from interpolants.coupling.super_resolution import SuperResolutionCoupling
from interpolants.data.images import Images, LabelledImages
from interpolants.data.labels import Labels
from interpolants.fields.conditioned import ConditionedNetwork
from interpolants.fields.fields import Fields
from interpolants.interpolant.one_sided_linear import OneSidedLinearInterpolant
from interpolants.model.model import Model
from interpolants.model.request import SampleRequest
from interpolants.net.condition import Condition
from interpolants.report.report import write_report
from interpolants.report.settings import ReportSettings
from interpolants.space.scaling import Scaling


def _ends(n=200, side=8):
    return torch.randn(2, n, 1, side, side, generator=torch.Generator().manual_seed(0))


def test_inpainting_hides_whole_tiles_and_keeps_the_rest():
    x0, x1 = _ends()
    coupling = InpaintingCoupling(tiles=4, hidden=0.25)
    paired, mask = coupling.pair(x0, x1, None, torch.Generator().manual_seed(1))
    assert mask.shape == (200, 1, 8, 8) and set(mask.unique().tolist()) == {0.0, 1.0}
    assert torch.equal(paired, mask * x1 + (1 - mask) * x0)
    tiles = mask.view(200, 4, 2, 4, 2)
    assert (tiles.amax(dim=(2, 4)) == tiles.amin(dim=(2, 4))).all()
    holes = 16 - tiles[:, :, 0, :, 0].sum(dim=(1, 2))
    assert holes.min() >= 1
    # One tile for certain, and a quarter of the other fifteen.
    assert float(holes.mean()) == pytest.approx(1 + 15 / 4, abs=0.5)
    again, _ = coupling.pair(x0, x1, None, torch.Generator().manual_seed(1))
    assert torch.equal(paired, again)


def test_inpainting_of_sides_that_tiles_do_not_divide():
    mask = InpaintingCoupling(tiles=3, hidden=0.5).mask(torch.zeros(5, 3, 28, 20))
    assert mask.shape == (5, 1, 28, 20) and mask.dtype == torch.bool


def test_super_resolution_begins_at_the_enlarged_mean_of_blocks():
    x0, x1 = _ends()
    coupling = SuperResolutionCoupling(factor=4, noise=0.5)
    paired, image = coupling.pair(x0, x1)
    assert torch.allclose(
        image[:, :, :4, :4], x1[:, :, :4, :4].mean((2, 3), True).expand(200, 1, 4, 4)
    )
    assert torch.allclose(paired, image + 0.5 * x0)
    assert torch.allclose(coupling.enlarged(image[:, :, ::4, ::4]), image)


class _Mask(nn.Module):
    """A velocity equal to the mask that it is conditioned on."""

    def __init__(self):
        super().__init__()
        self.weight = nn.Parameter(torch.ones(()))

    def forward(self, t, x, condition=None):
        return (self.weight * (1 - condition.image)).unsqueeze(1)


def _model(coupling, net=None, labels=None):
    fields = Fields(
        net=_Mask() if net is None else net,
        interpolant=OneSidedLinearInterpolant(),
        predicts=["velocity"],
        coupling=coupling,
    )
    scaling = Scaling(torch.tensor(2.0), torch.tensor(4.0))
    return Model(fields=fields, event_shape=(1, 8, 8), scaling=scaling, labels=labels)


def test_samples_keep_the_known_pixels_of_their_own_data():
    model, (_, x1) = _model(InpaintingCoupling()), _ends(50)
    data = 4 * x1 + 2
    paired = model.pair(data, seed=3)
    drawn = model.sample(50, start=paired.x0, image=paired.image, chunk_size=16, num_steps=4)
    known = paired.image == 1
    assert torch.allclose(paired.x0[known], data[known], atol=1e-5)
    assert torch.allclose(drawn.x[known], data[known], atol=1e-5)
    assert torch.allclose(drawn.x[~known], paired.x0[~known] + 4, atol=1e-4)


class _Classes(nn.Module):
    """A velocity equal to the class that it is conditioned on, 3 without one."""

    def __init__(self):
        super().__init__()
        self.weight = nn.Parameter(torch.ones(()))

    def forward(self, t, x, condition=None):
        label = condition.label
        label = torch.full((len(x),), 3) if label is None else label
        return (self.weight * label.to(x).view(-1, 1, 1, 1).expand_as(x)).unsqueeze(1)


def test_initial_states_of_unknown_labels_are_completed_as_any():
    labels = Labels(frequencies=(0.2, 0.3, 0.5), dropout=0.1)
    model, (_, x1) = _model(InpaintingCoupling(), _Classes(), labels), _ends(20)
    paired = model.pair(x1)
    drawn = model.sample(20, start=paired.x0, image=paired.image, num_steps=2)
    assert drawn.label is None
    assert torch.allclose(drawn.x, paired.x0 + 4 * 3, atol=1e-4)
    drawn = model.sample(20, start=paired.x0, image=paired.image, num_steps=2, label=1)
    assert torch.allclose(drawn.x, paired.x0 + 4, atol=1e-4)


@pytest.mark.parametrize("label", [1, [0, 1, 2, 0, 1]], ids=["one", "each"])
def test_reports_show_initial_states_samples_and_the_data_of_both(label, tmp_path):
    labels = Labels(frequencies=(0.2, 0.3, 0.5), dropout=0.1)
    x = torch.randint(256, (50, 1, 8, 8), generator=torch.Generator().manual_seed(0)).byte()
    data = Images(LabelledImages(x, torch.arange(50) % 3))
    model = _model(InpaintingCoupling(), _Classes(), labels)
    report = write_report(
        model,
        data,
        [],
        SampleRequest(n=5, label=label, num_steps=2),
        ReportSettings(folder=tmp_path),
    )
    assert tmp_path / "samples_pairs.png" in report.files
    assert sorted(report.files) == sorted(tmp_path.iterdir())


def test_samples_want_what_was_made_of_data():
    model = _model(InpaintingCoupling())
    with pytest.raises(ValueError, match=r"start: expected initial states from data, got None"):
        model.sample(3)
    with pytest.raises(ValueError, match=r"image: expected shape \(3, 1, 8, 8\), got \(\); take"):
        model.sample(3, start=torch.zeros(3, 1, 8, 8))


@pytest.mark.parametrize(
    ("coupling", "shape", "message"),
    [
        (InpaintingCoupling(), (7,), r"InpaintingCoupling\.data: expected images .* at least 4"),
        (InpaintingCoupling(), (1, 3, 8), r"InpaintingCoupling\.data: expected images"),
        (SuperResolutionCoupling(), (1, 8, 10), r"SuperResolutionCoupling\.data: .* factor = 4"),
    ],
)
def test_events_that_are_no_such_images_are_refused(coupling, shape, message):
    with pytest.raises(ValueError, match=message):
        coupling.image_channels(shape)


def test_a_condition_is_written_over_the_last_one_of_its_size():
    first, second = Condition(torch.tensor([0, 1])), Condition(torch.tensor([2, 3]))
    given = ConditionedNetwork(nn.Identity(), first.rows(0, 2))
    memory = given.condition.label.data_ptr()
    given.assign(second)
    assert given.condition.label.data_ptr() == memory
    assert given.condition.label.tolist() == [2, 3] and first.label.tolist() == [0, 1]
    given.assign(Condition(torch.tensor([5])))
    assert given.condition.label.tolist() == [5]
