"""Representations of models and samples: a few lines that name their parts."""

from helpers.problems import load as load_part

from interpolants import MLP, Fields, LinearInterpolant, Model, Sampler, TimeSeriesModel
from interpolants.data.labels import Labels
from interpolants.sampler.solver import Heun


def _fields():
    net = MLP(event_shape=(2,), heads=2, hidden=4, depth=1, time_features=0)
    predicts = ("velocity", "denoiser")
    return Fields(net=net, interpolant=LinearInterpolant(), predicts=predicts)


def _says(value, *parts):
    text = repr(value)
    assert all(part in text for part in parts), text
    assert "tensor" not in text and "object at 0x" not in text and text.count("\n") < 6


def test_repr_of_fields_names_predictions_path_network_and_its_size():
    # (3 + 1) weights for each of 4 hidden units, (4 + 1) for each of 4 outputs.
    parts = ("velocity, denoiser", "LinearInterpolant(gamma=Brownian", "MLP with 36 weights")
    _says(_fields(), *parts, "GaussianBase", "IndependentCoupling")


def test_repr_of_a_sampler_names_process_solver_and_grid():
    sampler = Sampler(fields=_fields(), solver=Heun(), num_steps=7)
    _says(sampler, "ProbabilityFlow", "Heun()", "7 steps on PowerGrid")


def test_repr_of_a_model_names_its_parts():
    labels = Labels(frequencies=(0.5, 0.3, 0.2), dropout=0.1)
    model = Model(fields=_fields(), event_shape=(2,), labels=labels)
    _says(model, "(2,)", "EuclideanSpace", "cpu", "3 classes", "ProbabilityFlow", "36 weights")


def test_repr_of_samples_has_shapes_and_cost_alone():
    samples = Model(fields=_fields(), event_shape=(2,)).sample(5, num_steps=3, times=[0.2, 0.5])
    _says(samples, "shape (5, 2)", "path at 2 times", f"NFE {samples.nfe}")


def test_repr_of_a_time_series_model_names_driver_and_solver():
    times = (0.0, 0.5, 1.0)
    sde = load_part("neural_sde", "neural_sde", num_steps=2)(event_shape=(3, 2), times=times)
    model = TimeSeriesModel(model=sde, event_shape=(3, 2))
    count = sum(p.numel() for p in sde.parameters())
    _says(model, "3 frames (2,)", type(sde.driver).__name__, "DrivenHeun", f"{count:,} weights")
