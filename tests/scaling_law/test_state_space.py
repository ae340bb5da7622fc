"""The closed-form loss of state-space models against quadrature, and the fits against known optima and rates."""

import numpy as np
import pytest
from scipy.integrate import quad
from scipy.special import exp1, gammaincc

from baselines.scaling_law import state_space as ssm
from baselines.scaling_law.studies import _memory_claims as claims
from baselines.scaling_law.studies import memory

KERNEL = ssm.power_law_kernel(1.0)
RATES = np.array([0.02, 0.3, 1.4])


@pytest.mark.parametrize("q", [0.75, 1.0, 1.5])
def test_the_mixture_is_the_power_law(q):
    kernel, t = ssm.power_law_kernel(q), np.geomspace(1e-2, 1e3, 30)
    assert kernel.at(t) == pytest.approx((1 + t) ** -q, rel=1e-5)
    assert kernel.norm**2 == pytest.approx(1 / (2 * q - 1), rel=1e-7)


def test_the_cut_power_law_and_the_exponential_kernel_in_closed_form():
    t = np.geomspace(0.1, 100, 20)
    cut = ssm.cut_power_law_kernel(1.5, 30.0)
    assert cut.at(t) == pytest.approx((1 + t) ** -1.5 * gammaincc(1.5, (1 + t) / 30), rel=1e-8)
    band = ssm.exponential_kernel(0.1, 2.0)
    assert band.at(t[:12]) == pytest.approx((exp1(0.1 * t[:12]) - exp1(2 * t[:12])) / np.log(20), rel=1e-8)
    assert band.at(np.array(0.0)) == pytest.approx(1.0)


def test_the_loss_is_the_integral_over_time():
    coefficients = np.array([0.1, 0.4, 0.3])

    def squared(t: float) -> float:
        return float(((1 + t) ** -1.0 - np.exp(-RATES * t) @ coefficients) ** 2)

    total = sum(quad(squared, a, b, epsabs=1e-13)[0] for a, b in [(0, 10), (10, 100), (100, 1000), (1e3, 1e5)]) + 1e-5
    assert ssm.loss(KERNEL, RATES, coefficients) == pytest.approx(total, rel=1e-7)
    several = ssm.disturbed_losses(KERNEL, np.stack([RATES, 2 * RATES, -RATES]), coefficients)
    assert several[:2] == pytest.approx([ssm.loss(KERNEL, k * RATES, coefficients) for k in (1, 2)], rel=1e-10)
    assert several[2] == np.inf == ssm.loss(KERNEL, -RATES, coefficients)


def test_the_projection_is_that_of_the_normal_equations():
    gram = 1 / (RATES[:, None] + RATES)
    right = (1 / (RATES[:, None] + KERNEL.rates)) @ KERNEL.weights
    solved = np.linalg.solve(gram, right)
    assert ssm.best_coefficients(KERNEL, RATES) == pytest.approx(solved, rel=1e-9)
    assert ssm.projected_error(KERNEL, RATES) ** 2 == pytest.approx(KERNEL.norm**2 - right @ solved, rel=1e-9)


def test_rates_that_coincide_are_no_difficulty():
    """The limit of two equal rates adds the mode t exp(-t)."""
    near = ssm.projected_error(KERNEL, np.array([1 - 1e-4, 1 + 1e-4]))
    assert ssm.projected_error(KERNEL, np.array([1.0, 1.0])) == pytest.approx(near, rel=1e-6)


def test_the_gradient_is_the_finite_difference():
    x, overlaps = np.log(RATES), 1 / (KERNEL.rates[:, None] + KERNEL.rates)
    value, gradient = ssm._log_loss(x, KERNEL, overlaps)
    assert value == pytest.approx(2 * np.log(ssm.projected_error(KERNEL, RATES)))
    for k in range(3):
        step = 1e-6 * np.eye(3)[k]
        ends = [ssm._log_loss(x + side * step, KERNEL, overlaps)[0] for side in (1, -1)]
        assert gradient[k] == pytest.approx((ends[0] - ends[1]) / 2e-6, rel=1e-6, abs=1e-9)


def test_a_sum_of_exponentials_is_recovered():
    kernel = ssm.Kernel(np.array([0.01, 0.1, 2.0]), np.array([0.2, -0.5, 1.0]))
    found = ssm.fit(kernel, 3, np.random.default_rng(0), starts=5)
    assert found.error < 1e-6 * kernel.norm
    assert found.rates == pytest.approx(kernel.rates, rel=1e-3)
    assert ssm.best_coefficients(kernel, found.rates) == pytest.approx(kernel.weights, rel=1e-2)


def test_one_mode_for_the_power_law_by_a_scan():
    scan = min(ssm.projected_error(KERNEL, np.array([rate])) for rate in np.geomspace(1e-3, 10, 4000))
    assert ssm.fit(KERNEL, 1, np.random.default_rng(0)).error == pytest.approx(scan, rel=1e-6)


def test_the_best_model_interpolates_at_the_mirrored_rates_twice():
    """First-order condition of Meier and Luenberger: both Laplace transforms and their slopes agree at the rates."""
    found = ssm.fit(KERNEL, 4, np.random.default_rng(0))
    c = ssm.best_coefficients(KERNEL, found.rates)
    for power in (1, 2):
        target = (1 / (found.rates[:, None] + KERNEL.rates) ** power) @ KERNEL.weights
        model = (1 / (found.rates[:, None] + found.rates) ** power) @ c
        assert model == pytest.approx(target, rel=2e-4)


def test_a_bound_on_the_rates_is_kept_and_costs():
    free = ssm.fit(KERNEL, 4, np.random.default_rng(0))
    bounded = ssm.fit(KERNEL, 4, np.random.default_rng(0), slowest=0.3)
    assert bounded.rates.min() >= 0.3 * (1 - 1e-12)
    assert bounded.error > 2 * free.error


@pytest.mark.parametrize("fastest", [3.0, 30.0, 1000.0])
def test_the_rate_of_exponential_forgetting(fastest):
    kernel = ssm.exponential_kernel(1.0, fastest)
    errors = [ssm.fit(kernel, m, np.random.default_rng(0), 1).error for m in (3, 4, 5)]
    assert -np.diff(np.log(errors)) == pytest.approx(ssm.exponential_rate(1.0, fastest), rel=0.03)
    if fastest > 100:
        assert ssm.exponential_rate(1.0, fastest) == pytest.approx(np.pi**2 / np.log(4 * fastest), rel=1e-3)


def test_modes_needed_grow_with_the_horizon_and_stop():
    counts = [ssm.modes_needed(1.0, 1e-3, horizon) for horizon in (1.0, 1e2, 1e4, 1e6, 1e8)]
    assert counts[0] == 0 and np.all(np.diff(counts[:4]) > 0) and counts[3] == pytest.approx(counts[4])
    # the whole power law: log(1/error)^2 / (pi^2 (2 q - 1)), the inverse of exp(-pi sqrt((2 q - 1) m))
    assert np.exp(-ssm.power_law_rate(1.0) * np.sqrt(counts[4])) == pytest.approx(1e-3)


@pytest.mark.parametrize("name", ["direct", "exp", "inverse_square"])
def test_parametrisations_invert_and_differentiate(name):
    choice = ssm.parametrisations(0.05)[name]
    weights = choice.weight(RATES)
    assert choice.rate(weights) == pytest.approx(RATES)
    numeric = (choice.rate(weights + 1e-6) - choice.rate(weights - 1e-6)) / 2e-6
    assert choice.slope(weights) == pytest.approx(numeric, rel=1e-6)


def test_the_sensitivity_is_the_second_derivative():
    found = ssm.fit(KERNEL, 3, np.random.default_rng(0))
    c, total = ssm.best_coefficients(KERNEL, found.rates), 0.0
    for k in range(3):
        step = 1e-3 * found.rates[k] * np.eye(3)[k]
        ends = [ssm.loss(KERNEL, found.rates + side * step, c) for side in (1, -1)]
        total += (sum(ends) / 2 - found.error**2) / step[k] ** 2
    assert ssm.sensitivity(KERNEL, found.rates, c, np.ones(3)) == pytest.approx(total, rel=1e-3)


@pytest.mark.parametrize(
    "call",
    [
        lambda: ssm.power_law_kernel(0.5),
        lambda: ssm.cut_power_law_kernel(1.0, 0.5),
        lambda: ssm.exponential_kernel(1.0, 1.0),
        lambda: ssm.fit(KERNEL, 0, np.random.default_rng(0)),
        lambda: memory.Study(q=0.4),
        lambda: memory.Study(modes=[1, 2, 3]),
        lambda: memory.Study(slowest=2.0),
        lambda: memory.Study(level=1.0),
        lambda: memory.Study(bounds=[0.0]),
    ],
)
def test_bad_values_are_refused(call):
    with pytest.raises(ValueError, match=r"q|horizon|slowest|modes|level|bounds"):
        call()


@pytest.mark.parametrize(("factor", "verdict"), [(1.0, "holds"), (1.2, "fails")])
def test_claims_hold_for_the_theory_and_fail_beside_it(factor, verdict):
    """Synthetic fits that follow each law exactly, or with every exponent 20 % too large."""
    study = memory.Study(other_q=[])
    m = np.array(study.modes, dtype=float)
    error = np.exp(-factor * ssm.power_law_rate(1.0) * np.sqrt(m))
    fits = [ssm.Fit(np.full(int(k), e ** (2 * factor)), float(e), 1.0) for k, e in zip(m, error, strict=True)]
    rows = claims._rows(study)
    slow = np.array([fits[k].rates[0] for k in rows])
    growth = {"direct": slow**-factor, "exp": 0.1 * m[rows] ** (factor * 5 - 5.5), "inverse_square": np.ones(len(rows))}
    wrong = {name: values / factor for name, values in growth.items()}
    disturbed = claims.Disturbed(wrong, growth, growth, growth, np.zeros(len(rows)))
    bounded = np.tile(m ** (-0.5 * factor), (3, 1))
    band = np.arange(1, 9)
    found = claims.Found(
        {1.0: fits}, band, np.exp(-factor * ssm.exponential_rate(0.01, 1.0) * band), bounded, np.ones(6), disturbed
    )
    made = claims.claims(study, found, claims.metrics(study, found, np.random.default_rng(0)))
    assert len(made) == 7
    assert {claim.verdict for claim in made} == {verdict}, {claim.id: claim.measured for claim in made}
