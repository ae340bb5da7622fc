"""Phases: limits against the published closed forms, frontier of a synthetic law, claims that can fail."""

from types import SimpleNamespace

import numpy as np
import pytest
import torch

from baselines.scaling_law import one_pass_sgd as sgd
from baselines.scaling_law.power_laws import Exponent
from baselines.scaling_law.sgd_phases import frontier, ladder, limit, octaves, phase, variances
from baselines.scaling_law.studies import _online_sgd_claims as claims
from baselines.scaling_law.studies import online_sgd
from benchmarks.tables.online_sgd import Table

DOUBLE = torch.float64
WORSE, UNDECIDED = Exponent(1.4, 1.2, 1.6), Exponent(0.9, 0.7, 1.2)


def table(a: float, b: float) -> tuple[float, float]:
    """Loss and width of the phase table, each phase in its own closed form."""
    both = 2 * a + 2 * b - 1
    ic, iv = a * (2 * b - 3) - 2 * b + 1, 2 * a * b + a - 2 * b
    return {
        "Ia": (both / (2 * a + 1), 1 / (2 * a + 1)),
        "Ib": (a + b - 0.5, 0.5),
        "Ic": (-a * both / ic, -both / (2 * ic)),
        "II": (both / (2 * (a + b)), b / (a + b)),
        "III": (1 - 1 / (4 * a), 0.5),
        "IVa": (a, 0.5),
        "IVb": (-(1 - 2 * a) * both / (2 * iv), (a - b) / iv),
    }[phase(a, b)]


@pytest.mark.parametrize(
    ("alpha", "beta", "name"),
    [
        (1.0, 0.4, "Ia"), (0.7, 0.1, "Ia"), (0.4, 0.3, "Ib"), (0.2, 0.8, "Ic"), (1.0, 0.7, "II"), (2.0, 1.5, "II"),
        (0.75, 1.2, "III"), (1.0, 1.5, "III"), (0.4, 0.8, "IVa"), (0.27, 0.8, "IVb"),
    ],
)  # fmt: skip
def test_balancing_the_terms_gives_the_phase_table(alpha, beta, name):
    assert phase(alpha, beta) == name
    assert limit(alpha, beta) == pytest.approx(table(alpha, beta), rel=1e-12)


@pytest.mark.parametrize(("alpha", "beta"), [(0.2, 0.3), (1.0, 0.5), (0.5, 0.8), (0.8, 0.8), (-1.0, 3.0)])
def test_infinite_losses_and_borders_are_refused(alpha, beta):
    with pytest.raises(ValueError, match=r"no variance|between two phases"):
        phase(alpha, beta)


def test_the_ladder_is_each_width_by_itself():
    gaussians = torch.randn(24, 6, generator=torch.Generator().manual_seed(0), dtype=DOUBLE)
    for width, found in ladder(gaussians, 1.0, 0.7, [2, 4, 6], 4):
        w = gaussians[: 4 * width, :width] / width**0.5
        lam = torch.as_tensor(variances(1.0, 4 * width))
        squares = torch.arange(1, 4 * width + 1, dtype=DOUBLE) ** -1.4
        alone = sgd.problem_over_signs((w.T * lam) @ w, (w.T * (lam**2 * squares)) @ w, lam @ squares)
        for one, other in zip(found, alone, strict=True):
            assert torch.allclose(one, other, rtol=1e-9)


def test_the_frontier_of_a_known_law():
    widths, computes = 8 * 2 ** (np.arange(25) / 3), np.geomspace(1e4, 1e6, 9)
    t = computes / widths[:, None]
    found = frontier(widths, widths[:, None] ** -1.0 + t**-0.5)  # d^-1 = t^-0.5 / 2 at the optimum: d ~ f^(1/3)
    expected = (2 * computes**0.5) ** (2 / 3)
    assert found.inside.all()
    assert found.width == pytest.approx(expected, rel=0.03)
    assert (found.width / expected).std() < 0.003  # the same factor at every compute
    assert found.loss == pytest.approx(1 / expected + (expected / computes) ** 0.5, rel=2e-3)
    assert not frontier(widths, np.tile(-np.log(widths)[:, None], (1, 2)) + 10).inside.any()


def measured(shift: float = 0.0) -> claims.Phase:
    """A synthetic law with the limits of phase II, approached from one side, or `shift` away from it."""
    study = online_sgd.Study(alphas=[1.0], betas=[0.7])
    widths, computes = np.array(study.widths, dtype=float), np.geomspace(1e2, 1e9, 71)
    value = limit(1.0, 0.7)
    best = 3 * computes ** (value.width + shift)
    lowest = computes ** -(value.loss + shift) * (1 + 10 * computes**-0.5)
    losses = lowest * np.exp(0.2 * np.log(widths[:, None] / best) ** 2)
    noise = 1 + 0.01 * np.random.default_rng(1).standard_normal((study.draws, len(widths), 1))
    return claims.measure(study, 0, computes, losses * noise, np.random.default_rng(0))


@pytest.mark.parametrize(("shift", "verdict"), [(0.0, "holds"), (0.25, "fails")])
def test_exponents_hold_for_the_right_law_and_fail_for_a_wrong_one(shift, verdict):
    found = measured(shift)
    study = online_sgd.Study(alphas=[1.0], betas=[0.7])
    verdicts = {claim.id: claim.verdict for claim in claims.claims(study, [curve(1.0)], [found])}
    assert verdicts["online_sgd.exponent_loss_II"] == verdict
    assert verdicts["online_sgd.exponent_width_II"] == verdict
    assert found.exponents["loss"].low <= found.exponents["loss"].value <= found.exponents["loss"].high


def test_the_direction_is_seen_either_way():
    good = measured()
    assert good.distances["loss"][1] < good.distances["loss"][0]
    study = online_sgd.Study(alphas=[1.0], betas=[0.7])
    ratio = good.ratios["loss"]
    assert ratio.low <= ratio.value <= ratio.high < 1
    away, unclear = (good._replace(ratios={"loss": one, "width": one}) for one in (WORSE, UNDECIDED))
    found = [
        next(c.verdict for c in claims.claims(study, [curve(1.0)], [one]) if c.id == "online_sgd.direction_loss_II")
        for one in (good, away, unclear)
    ]
    assert found == ["holds", "fails", "not measured"]


def curve(factor: float) -> claims.Curve:
    steps = np.arange(1, 31)
    losses = factor / steps * (1 + 0.1 * np.random.default_rng(0).standard_normal((400, 30)))
    return claims.Curve(1, steps, losses, 1 / steps, 1 / steps, 2.0)


@pytest.mark.parametrize(("factor", "verdict"), [(1.0, "holds"), (1.05, "fails")])
def test_the_curve_claim_can_fail(factor, verdict):
    study = online_sgd.Study()
    assert claims.claims(study, [curve(factor)], [])[0].verdict == verdict


@pytest.mark.parametrize(
    ("keys", "message"),
    [
        ({"alphas": [1.0]}, "one value a phase"),
        ({"alphas": [1.0, 1.0], "betas": [0.6, 0.7]}, "different phases"),
        ({"alphas": [1.0], "betas": [0.5]}, "between two phases"),
        ({"step": 0.0}, "positive"),
        ({"largest": 16}, "at least 32"),
        ({"batches": [8, 1]}, "ascending"),
        ({"seen": 10}, "at least 32"),
    ],
)
def test_keys_are_checked(keys, message):
    with pytest.raises(ValueError, match=message):
        online_sgd.Study(**keys)


def test_an_unstable_step_is_a_divergence(tmp_path):
    from baselines.common.errors import Diverged
    from baselines.common.record import Record
    from baselines.scaling_law.config import Config

    study = online_sgd.Study(**online_sgd.Study.BUDGETS["smoke"] | {"step": 3.0})
    with pytest.raises(Diverged, match="unstable for a draw"):
        study.run(Config(study=study), Record(tmp_path, {}))


def test_octaves_cover_the_ladder():
    assert octaves([8, 10, 13, 16, 20, 25, 32]) == [[20, 25, 32], [10, 13, 16], [8]]


def test_a_batch_of_ladders_is_each_ladder():
    gaussians = torch.randn(2, 16, 4, generator=torch.Generator().manual_seed(0), dtype=DOUBLE)
    together = [given for _, given in ladder(gaussians, 1.0, 1.5, [2, 4], 4)]
    for k in range(2):
        for both, (_, one) in zip(together, ladder(gaussians[k], 1.0, 1.5, [2, 4], 4), strict=True):
            assert torch.allclose(both.eigenvalues[k], one.eigenvalues) and torch.allclose(both.floor[k], one.floor)


@pytest.mark.parametrize(("late", "verdict"), [(0.02, "holds"), (0.06, "fails")])
def test_the_table_pools_the_direction_over_seeds(late, verdict):
    study = online_sgd.Study(alphas=[1.0], betas=[0.7])
    found = measured()
    views = []
    for seed in range(3):
        stated = claims.metrics([curve(1.0)], [found], 2.0) | {
            "early_distance_loss_II": 0.04, "late_distance_loss_II": late + 0.01 * (seed - 1)
        }  # fmt: skip
        config = {"study": {"alphas": [1.0], "betas": [0.7], "batches": [1]}}
        views.append(SimpleNamespace(
            config=config, seed=seed, metrics=stated, claims=claims.claims(study, [curve(1.0)], [found])
        ))  # fmt: skip
    table = Table()
    (claim,) = table.claims(views)
    assert claim.verdict == verdict and claim.measured == pytest.approx(late / 0.04)
    assert not table.claims(views[:2])
    assert len(table.sheet(views).rows) == 3
