"""Names of sample files tell what decides the samples."""

import pytest

from interpolants.cli.stem import stem_of


@pytest.mark.parametrize(
    ("words", "stem"),
    [
        ([], "ode"),
        (["n=500", "ckpt=a/last.ckpt", "out=b", "metric=[]", "data.path=c.csv"], "ode"),
        (["label=3"], "ode_label_3"),
        (["label=[40,0.5]"], "ode_label_40_0.5"),
        (["seed=2", "num_steps=64"], "ode_num_steps_64_seed_2"),
        (
            ["sampler=ode", "sampler/solver=heun", "sampler.epsilon.c=2"],
            "ode_epsilon.c_2_solver_heun",
        ),
        (
            ["guidance=classifier_free", "guidance.scale=2"],
            "ode_guidance.scale_2_guidance_classifier_free",
        ),
        (["weights=raw"], "ode_weights_raw"),
    ],
    ids=str,
)
def test_stem_tells_what_decides_the_samples(words, stem):
    assert stem_of("ode", words) == stem
    assert stem_of("ode", reversed(words)) == stem


def test_stem_of_a_long_request_is_short_and_its_own():
    one, other = (stem_of("ode", [f"label={[0.123456789] * 30 + [k]}"]) for k in (1, 2))
    assert one != other and len(one) < 120
