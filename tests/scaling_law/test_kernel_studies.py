"""The studies of kernels and of regression in context: keys, claims that can fail, tables."""

from pathlib import Path

import numpy as np
import pytest
from support import smoke

from baselines.scaling_law.studies import _in_context_claims as icc
from baselines.scaling_law.studies import _kernel_claims as kc
from baselines.scaling_law.studies import in_context, kernel
from benchmarks.tables import in_context as in_context_table
from benchmarks.tables import kernel as kernel_table

SOURCE = np.random.default_rng


def kernel_found(wrong: float = 0.0, slope: float = 0.8) -> kc.Found:
    """Draws around a theory that is off by a factor."""
    study, source = kernel.Study(), SOURCE(0)
    sizes = len(study.ridges), len(study.samples)
    theory = np.full(sizes, 0.3)
    draws = theory * (1 + wrong) * (1 + 0.01 * source.standard_normal((60, *sizes)))
    pool = kc.Pool(draws, theory, 0.9 * theory, 0.5 * theory)
    n = np.array(study.sphere_samples)
    curves = np.array([1 / (1 + (n / scale) ** 2) for scale in (14, 104, 546)])
    shifted = np.array([1 / (1 + (n * (1 - wrong) / scale) ** 2) for scale in (14, 104, 546)])
    sphere = kc.Sphere(shifted * (1 + 0.001 * source.standard_normal((20, *curves.shape))), curves, n, curves)
    widths = np.array(study.widths, dtype=float)
    difference = widths**-slope * (1 + 0.01 * source.standard_normal((8, len(widths))))
    return kc.Found(pool, pool, sphere, kc.Linear(difference, difference, difference, difference))


def kernel_verdicts(study: kernel.Study, found: kc.Found) -> dict[str, str]:
    metrics: dict[str, float] = {}
    for name, system in found.present():
        _, values = system.summary(study, SOURCE(1))
        metrics |= values if name == "linearisation" else {f"{name}_{key}": v for key, v in values.items()}
    return {claim.id.removeprefix("kernel."): claim.verdict for claim in kc.claims(study, found, metrics)}


def test_kernel_claims_hold_for_the_right_theory():
    found = kernel_verdicts(kernel.Study(), kernel_found())
    spectral = {"ntk_spectrum", "random_features_spectrum"}  # made 10 % too small
    assert {name for name, verdict in found.items() if verdict == "fails"} == spectral
    assert set(found) - spectral == {"ntk", "random_features", "sphere", "stair_2", "stair_3", "exponent_width"}


def test_kernel_claims_fail_for_a_wrong_theory():
    found = kernel_verdicts(kernel.Study(), kernel_found(wrong=0.12, slope=0.3))
    assert set(found.values()) == {"fails"}
    assert len(found) == 8


def test_kernel_claims_need_enough_draws():
    small = kernel.Study(**kernel.Study.BUDGETS["smoke"])
    found = kernel_verdicts(kernel.Study(draws=10, sphere_draws=10, members=2), kernel_found())
    assert set(found.values()) == {"not measured"}
    assert small.images == 120


def test_only_what_was_done_is_claimed():
    found = kernel_found()
    found.ntk = found.sphere = found.linear = None
    assert set(kernel_verdicts(kernel.Study(), found)) == {"random_features", "random_features_spectrum"}


@pytest.mark.parametrize(("error", "expected"), [([1.0, 0.75, 0.25], 20 * 2**0.5), ([1.0, 0.9, 0.6], None)])
def test_half_learned(error, expected):
    found = kc.half_learned([10, 20, 40], np.array(error))
    assert found == (None if expected is None else pytest.approx(expected))


@pytest.mark.parametrize(
    ("keys", "message"),
    [
        ({"systems": ["ntk", "svm"]}, "svm"),
        ({"systems": []}, "at least one"),
        ({"samples": [100, 50]}, "ascending"),
        ({"ridges": [0.0]}, "positive"),
        ({"images": 400}, "above the 400"),
        ({"images": 2000}, "at most 1797"),
        ({"draws": 1}, "at least 2"),
        ({"activation": "gelu"}, "relu"),
        ({"powers": [0.0, 0.0]}, "not all 0"),
        ({"sphere_kernel": "relu"}, "odd degree"),
    ],
)
def test_kernel_keys_are_checked(keys, message):
    with pytest.raises(ValueError, match=message):
        kernel.Study(**keys)


@pytest.mark.parametrize(
    ("keys", "message"),
    [
        ({"noise": 0.0}, "positive"),
        ({"lengths": [8]}, "two different"),
        ({"diversities": [8, 4]}, "ascending"),
        ({"lists": 1}, "at least 2"),
        ({"steps": 0}, "at least 1"),
    ],
)
def test_in_context_keys_are_checked(keys, message):
    with pytest.raises(ValueError, match=message):
        in_context.Study(**keys)


def in_context_verdicts(wrong: float) -> dict[str, str]:
    """Draws around the theory, off by a factor; the last layer even more."""
    study, source = in_context.Study(), SOURCE(0)
    d, noise = study.dimension, study.noise
    factors = 1 + wrong * np.linspace(1, 2, len(study.lengths))
    theory = {
        name: np.array([icc.predicted_error(name, length, d, noise) for length in study.lengths])
        for name in ("ridge", "attention")
    }
    noisy = 1 + 0.01 * source.standard_normal((3000, len(study.lengths)))
    steps = np.array([icc.icr.attention_step(length, d, noise) for length in study.lengths]) * (1 + wrong)
    along = icc.AlongLength(theory["ridge"] * (1 + wrong) * noisy, theory["attention"] * factors * noisy, steps)
    pairs = [icc.icr.diversity_errors(k / d, study.diversity_length, d, noise) for k in study.diversities]
    new = np.array(pairs)[:, 0] * (1 + wrong) * np.ones((8, 1))
    diversity = icc.Diversity(new, new, new, new)
    metrics = along.summary(study, source)[1] | diversity.summary(study, source)[1]
    return {claim.id: claim.verdict for claim in icc.claims(study, metrics)}


def test_in_context_claims_can_fail():
    right, wrong = in_context_verdicts(0.0), in_context_verdicts(0.1)
    assert len(right) == 6
    assert set(right.values()) == {"holds"}
    assert set(wrong.values()) == {"fails"}


def test_tables_are_made_of_smoke_records(results: Path):
    for study, table in (("kernel", kernel_table.Table()), ("in_context", in_context_table.Table())):
        view = smoke("scaling_law", results, f"study={study}")
        lines = (view.folder / "runs.csv").read_text().splitlines()
        assert len(lines) == {"kernel": 24, "in_context": 7}[study]
        sheet = table.sheet([view, view])
        assert len(sheet.rows) > 5 and sheet.markdown()
        assert table.figure([view, view], str) is not None
        assert all(claim.verdict == "not measured" for claim in table.claims([view, view]))


def test_pooled_claims_fail_for_a_wrong_theory(results: Path):
    view = smoke("scaling_law", results, "study=kernel")
    for factor, verdict in ((1.0, "holds"), (1.06, "fails")):
        for name in kernel_table.SYSTEMS:
            view.curves[f"{name}.test_error"] = factor * view.curves[f"{name}.predicted"]
        for claim in view.claims:
            object.__setattr__(claim, "measured", 1.0)
        assert {claim.verdict for claim in kernel_table.Table().claims([view, view])} == {verdict}
