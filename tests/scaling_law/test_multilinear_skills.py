"""The sigmoids against an ODE solver, gradient descent against autograd, losses against sums over every task."""

import numpy as np
import pytest
import torch
from scipy.integrate import solve_ivp

from baselines.scaling_law import quanta
from baselines.scaling_law.multilinear_skills import Skills, descend, surface, unseen
from baselines.scaling_law.power_laws import slope
from baselines.scaling_law.spectrum import binned_power_law

ALPHA = 0.6


def single(tasks: int = 50, target: float = 1.0, start: float = 0.01) -> Skills:
    return Skills(quanta.frequencies(tasks, ALPHA), np.ones(tasks), target, start)


def binned(modes: int = 1_000_000, start: float = 0.01) -> Skills:
    rows = binned_power_law(modes, 1 + ALPHA, 1 + ALPHA)
    return Skills(rows.eigenvalues / rows.trace, rows.counts, 1.0, start)


def test_skill_curves_solve_gradient_flow_of_the_two_layers():
    skills = single(3, target=2.0, start=0.1)
    times = np.array([0.0, 1.0, 3.0, 8.0, 20.0])

    def flow(_, state):
        a, b = state.reshape(2, 3)
        gap = skills.frequency * (2.0 - a * b)
        return np.concatenate([gap * b, gap * a])

    found = solve_ivp(flow, (0, 20), np.full(6, np.sqrt(0.1)), t_eval=times, rtol=1e-10, atol=1e-12).y
    assert skills.strength(times) == pytest.approx((found[:3] * found[3:]).T, abs=1e-8)
    assert skills.strength(skills.time_learned(2, ALPHA))[1] == pytest.approx(1.0)


def test_gradient_descent_tends_to_the_sigmoids_as_its_step_shrinks():
    skills = single(20)
    errors = []
    for rate in (0.1, 0.05, 0.025):
        steps = [round(t / rate) for t in (5.0, 20.0, 60.0)]
        found = descend(skills.frequency, 1.0, 0.01, rate, steps, 1, np.random.default_rng(0))[0]
        errors.append(np.abs(found - skills.strength(rate * np.array(steps))).max())
    assert errors[0] / errors[1] == pytest.approx(2.0, rel=0.1)
    assert errors[1] / errors[2] == pytest.approx(2.0, rel=0.1)
    assert errors[2] < 0.01


def test_counting_tasks_is_the_gradient_of_the_network_on_its_samples():
    """The model on explicit data: task and sign of g, autograd over both layers."""
    frequency, batch, rate = quanta.frequencies(5, ALPHA), 64, 0.3
    source = np.random.default_rng(1)
    drawn = source.multinomial(batch, np.append(frequency, 0.0), (8, 1))  # [steps, draws, tasks + 1]

    class Given:
        def multinomial(self, *_):
            return drawn

    found = descend(frequency, 1.0, 0.05, rate, [8], 1, Given(), batch)[0, 0]  # type: ignore[arg-type]
    a, b = (torch.full((5,), 0.05**0.5, dtype=torch.float64, requires_grad=True) for _ in range(2))
    for counts in drawn[:, 0, :-1]:
        task = torch.from_numpy(np.repeat(np.arange(5), counts))
        g = torch.zeros(batch, 5, dtype=torch.float64)
        g[torch.arange(batch), task] = torch.from_numpy(source.choice([-1.0, 1.0], batch))
        loss = 0.5 * (g.sum(1) - g @ (a * b)).square().mean()
        for parameter, gradient in zip((a, b), torch.autograd.grad(loss, (a, b)), strict=True):
            parameter.data -= rate * gradient
    assert found == pytest.approx((a * b).detach().numpy(), rel=1e-12)
    assert found[0] > 2 * 0.05, "nothing was learned"


def test_batches_average_to_the_population():
    skills = single(10)
    noisy = descend(skills.frequency, 1.0, 0.01, 0.05, [200], 64, np.random.default_rng(0), batch=64)
    exact = descend(skills.frequency, 1.0, 0.01, 0.05, [200], 1, np.random.default_rng(0))[0]
    error = noisy.mean(0) - exact
    assert np.abs(error).max() < 4 * noisy.std(0).max() / 8
    assert noisy.std(0).max() > 1e-3


def test_losses_of_binned_tasks_are_those_of_every_task():
    rows, every = binned(20_000), single(20_000)
    times = np.array([3.0, 300.0, 3e4])
    assert rows.loss(np.inf, times) == pytest.approx(every.loss(np.inf, times), rel=1e-4)
    assert rows.loss(2500, times) == pytest.approx(every.loss(2500, times), rel=1e-3)
    assert rows.loss_from_data([10, 1000, 100_000]) == pytest.approx(
        every.loss_from_data([10, 1000, 100_000]), rel=1e-3
    )
    first = every.frequency[:7] @ (1 - every.strength(30.0)[:7]) ** 2
    assert every.loss(7, 30.0) == pytest.approx(0.5 * (first + every.frequency[7:].sum()))


def test_four_exponents_of_the_closed_forms():
    skills, expected = binned(), quanta.exponents(ALPHA)
    ranks = np.geomspace(100, 1000, 20)
    times = skills.time_learned(ranks, ALPHA)
    samples = ranks ** (1 + ALPHA) / skills.frequency[0]
    budget = ranks * times
    found = {
        "time": -slope(times, skills.loss(np.inf, times)),
        "data": -slope(samples, skills.loss_from_data(samples)),
        "parameters": -slope(ranks, skills.loss(ranks, np.inf)),
        "compute": -slope(budget, skills.frontier(budget, np.geomspace(1, 1e6, 400))[0]),
    }
    assert found == pytest.approx(expected._asdict(), abs=0.006)


def test_the_frontier_is_the_least_loss():
    skills, sizes = binned(), np.geomspace(1, 300, 40)
    loss, best = skills.frontier([1e3, 1e4], sizes)
    for budget, value, size in zip((1e3, 1e4), loss, best, strict=True):
        each = [float(skills.loss(n, budget / n)) for n in sizes]
        assert value == pytest.approx(min(each)) and size == sizes[int(np.argmin(each))]
        assert sizes[0] < size < sizes[-1]


def test_the_surface_leaves_skills_out():
    skills = single(30)
    head, strength = skills.frequency[:10], skills.strength([5.0, 50.0])[:, :10]
    found = surface(strength, head, 1.0, skills.frequency[10:].sum())
    assert found[:, 3] == pytest.approx(skills.loss(np.full(2, 4.0), [5.0, 50.0]))


def test_unseen_tasks_follow_the_learning_curve():
    skills, samples = single(2000), [10, 100, 1000]
    draws = np.array([unseen(skills.frequency, samples, np.random.default_rng(i)) for i in range(200)])
    losses = 0.5 * 0.99**2 * draws
    z = (losses.mean(0) - skills.loss_from_data(samples)) / (losses.std(0, ddof=1) / np.sqrt(200))
    assert np.abs(z).max() < 3.5
    assert (np.diff(draws, axis=1) <= 0).all(), "more data of one sequence never unlearn"
    assert unseen(np.array([0.5, 0.5]), [60], np.random.default_rng(0)) == pytest.approx([0.0])


def test_tail_sums_and_the_end_of_the_list():
    frequency = quanta.frequencies(40, ALPHA)
    assert frequency.sum() == pytest.approx(1.0) and frequency[0] / frequency[7] == pytest.approx(8**1.6)
    assert quanta.tail(frequency, [0, 3, 40]) == pytest.approx([1.0, frequency[3:].sum(), 0.0])
    assert quanta.tail(frequency, 2.5) == pytest.approx((frequency[2:].sum() + frequency[3:].sum()) / 2)
    k = np.arange(1.0, 4_000_001)
    whole = (k**-1.6)[40:].sum() + 4_000_000**-0.6 / 0.6
    assert quanta.beyond(40, ALPHA) == pytest.approx(whole / (k**-1.6)[:40].sum(), rel=1e-5)


@pytest.mark.parametrize(("tasks", "alpha"), [(0, 0.6), (5, 0.0)])
def test_impossible_frequencies_are_refused(tasks, alpha):
    with pytest.raises(ValueError, match="alpha > 0"):
        quanta.frequencies(tasks, alpha)


def test_a_start_beyond_the_target_is_refused():
    with pytest.raises(ValueError, match="between 0 and the target"):
        single(start=1.5)
