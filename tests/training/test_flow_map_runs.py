"""Runs of flow maps: on several processes, continued, from a trained velocity, and distilled."""

import pytest
import torch
from helpers.compose import TINY, TINY_SERIES, leave_out_figures, run_folder, train_with
from helpers.same_run import assert_same_run

import interpolants as si
from interpolants.checkpoint.loading import load_teacher
from interpolants.checkpoint.reading import read_checkpoint
from interpolants.checkpoint.runs import LAST
from interpolants.fields.guidance import MapGuidance

_MAP = [*TINY, "task=flow_map", "data=moons", "metric=[]", "batch_size=24", "scheduler=constant"]
_MAP += ["steps_per_batch=3", "log_every=1", "validate_every=6", "sample_every=6", "max_steps=12"]
_LABELS, _GUIDED = ["label_dropout=0.1"], ["objective.largest_scale=4"]
_VELOCITY = [*TINY, "data=moons", "metric=[]", "objective=velocity", "net.time_features=2"]
_VELOCITY += ["interpolant/gamma=zero"]


@pytest.fixture
def train(tmp_path, monkeypatch):
    leave_out_figures(monkeypatch)
    monkeypatch.chdir(tmp_path)
    return lambda name, *words: run_folder(train_with(tmp_path, *words, f"run_dir={name}"))


def _weights(run):
    return read_checkpoint(run / LAST)["state_dict"]


@pytest.mark.skipif(torch.cuda.is_available(), reason="a process that uses CUDA cannot fork")
@pytest.mark.parametrize("objective", ["lagrangian", "semigroup", "mean_flow", "guided"])
def test_two_processes_train_a_map_as_one(objective, train):
    """Derivatives by time go around what synchronises gradients, if anything does."""
    words = [*_MAP, *_LABELS, f"objective={objective}"]
    if objective == "guided":
        words[-1:] = _GUIDED
    two = ["trainer=ddp", "trainer.accelerator=cpu", "trainer.devices=2"]
    one = _weights(train("one", *words))
    both = _weights(train("two", *words, *two, "trainer.strategy=ddp_fork", "accumulate=2"))
    assert one.keys() == both.keys()
    for name, weight in one.items():
        torch.testing.assert_close(both[name], weight, atol=1e-5, rtol=0, msg=name)


@pytest.mark.parametrize(
    "words", [_GUIDED, ["time_sampler.warmup=8", "objective.learned_weight=true"]], ids=len
)
def test_map_continues_exactly(words, train):
    words = [*_MAP, *_LABELS, *words, "+callbacks.a._target_=helpers.own_callbacks.Counter"]
    whole = train("whole", *words)
    with pytest.raises((KeyboardInterrupt, SystemExit)):
        train("parts", *words, "+callbacks.a.interrupt_at=6", "checkpoint_every=100")
    parts = train("parts", *words, "resume=auto")
    assert_same_run(parts, whole)


def test_map_begins_as_the_velocity_that_it_starts_from(train):
    first = train("first", *_VELOCITY)
    words = [*_MAP, "interpolant/gamma=zero", "init=first", "optimizer.lr=0"]
    started = si.load(train("started", *words)).fields
    x, t = torch.randn(5, 2), torch.rand(5)
    known = si.load(first).fields.velocity(t, x)
    assert torch.equal(started.velocity(t, x), known)
    assert torch.equal(started.heads(t, x, torch.ones(5))[:, 0], known)


@pytest.mark.parametrize("objective", ["consistency", "lagrangian", "semigroup"])
def test_map_is_distilled_from_a_run_that_it_does_not_name_afterwards(objective, train):
    train("teacher", *_VELOCITY)
    words = [*_MAP, "interpolant/gamma=zero", f"objective={objective}_distillation"]
    run = train("student", *words, "objective.teacher.path=teacher")
    (folder := run.parent / "teacher").rename(folder.with_name("moved"))
    model = si.load(run)
    assert model.sample(3).nfe == 4 and "teacher" in model.config["objective"]
    with pytest.raises(ValueError, match=r"^objective\.teacher\.interpolant: expected "):
        train("other", *_MAP, words[-1], "objective.teacher.path=moved")


def test_map_of_another_objective_or_of_single_times_is_refused(train):
    with pytest.raises(ValueError, match=r"^objective: expected one of flow maps"):
        train("a", *_MAP, "objective=velocity", "time_sampler=uniform")
    with pytest.raises(ValueError, match=r"^objective: expected one of fields"):
        train("a", *_VELOCITY, "objective=lagrangian", "time_sampler=uniform_pairs")
    with pytest.raises(ValueError, match=r"^time_sampler: expected pairs of times"):
        train("a", *_MAP, "time_sampler=uniform")
    with pytest.raises(ValueError, match=r"^time_sampler: expected single times"):
        train("a", *_VELOCITY, "time_sampler=uniform_pairs")
    with pytest.raises(ValueError, match=r"^MeanFlowObjective\.tangent: expected model"):
        train("a", *_MAP, "objective=mean_flow", "objective.tangent=sample")


def test_guidance_that_a_map_has_learned_is_one_call_of_a_known_scale(train):
    model = si.load(train("guided", *_MAP, *_LABELS, *_GUIDED))
    drawn = model.sample(5, seed=1, num_steps=2, guidance=MapGuidance(scale=3.0))
    assert drawn.nfe == 2
    assert torch.equal(
        model.sample(5, seed=1, num_steps=2, guidance=MapGuidance(scale=1.0)).x,
        model.sample(5, seed=1, num_steps=2).x,
    )
    assert not torch.equal(drawn.x, model.sample(5, seed=1, num_steps=2).x)
    with pytest.raises(ValueError, match=r"^MapGuidance\.scale: expected a scale in \[1, 4\]"):
        model.sample(5, guidance=MapGuidance(scale=5.0))
    with pytest.raises(ValueError, match=r"^objective\.largest_scale: expected label_dropout"):
        train("unlabelled", *_MAP, *_GUIDED)


def test_teacher_of_other_data_units_or_labels_is_refused(train):
    train("plain", *_VELOCITY)
    train("known", *_VELOCITY, "label_dropout=0")
    words = [*_MAP, "interpolant/gamma=zero", "objective=semigroup_distillation"]
    for name, others, message in (
        (
            "plain",
            ["data=digits"],
            r"teacher\.data: expected samples of shape \(1, 8, 8\), got \(2,\)",
        ),
        ("plain", ["data.standardize=true"], r"teacher\.data: expected data of the map's shift"),
        ("plain", ["space=log", "space.map.offset=9"], r"teacher\.space: expected LogSpace"),
        ("plain", _LABELS, r"teacher\.labels: expected 2 classes, .*, got None"),
        ("known", _LABELS, r"teacher\.label_dropout: expected above 0, .*, got 0"),
        ("known", [], r"teacher\.label_dropout: expected above 0, .*, got 0"),
    ):
        with pytest.raises(ValueError, match=rf"^objective\.{message}"):
            train("other", *words, f"objective.teacher.path={name}", *others)


def test_weight_over_time_that_a_map_has_not_is_refused(train):
    with pytest.raises(
        ValueError, match=r"^weight: expected constant, for a flow map, got 'Power"
    ):
        train("a", *_MAP, "weight=power")


def test_teacher_without_fields_is_named_by_its_file(tmp_path, train):
    words = ("task=neural_sde", "max_steps=2", "run_dir=series")
    train_with(tmp_path, *words, sizes=TINY_SERIES)
    rule = r"series: expected a checkpoint of a model with fields, such as an interpolant"
    with pytest.raises(ValueError, match=rule):
        load_teacher("series")
