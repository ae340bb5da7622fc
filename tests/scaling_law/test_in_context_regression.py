"""Regression in context: closed forms against simulation, attention against its definition."""

import math

import pytest
import torch

from baselines.scaling_law import in_context_regression as icr

DOUBLE = torch.float64
D, LENGTH, NOISE = 6, 10, 0.3


def generator(seed: int = 0) -> torch.Generator:
    return torch.Generator().manual_seed(seed)


def contexts(count: int, tasks: torch.Tensor | None = None) -> icr.Contexts:
    source = generator()
    if tasks is None:
        tasks = icr.draw_tasks(count, D, source)
    return icr.draw_contexts(tasks, LENGTH, NOISE, source)


def moments(given: icr.Contexts) -> torch.Tensor:
    return (given.x.mT @ given.y[..., None])[..., 0] / given.x.shape[1]


@pytest.mark.parametrize("alpha", [0.3, 1.0, 4.0])
def test_bayes_error_is_the_trace_of_the_posterior(alpha):
    d = 600
    x = torch.randn(int(alpha * d), d, generator=generator(), dtype=DOUBLE)
    posterior = torch.linalg.inv(x.T @ x / (d * NOISE) + torch.eye(d))
    assert icr.bayes_error(alpha, NOISE) == pytest.approx(float(posterior.trace() / d), rel=0.01)


def test_bayes_error_solves_its_equation_without_cancellation():
    for alpha, noise in ((0.0, 0.2), (0.5, 1e-12), (3.0, 1e-12), (1e6, 0.5)):
        e = icr.bayes_error(alpha, noise)
        assert e * (e + noise + alpha - 1) == pytest.approx(noise, rel=1e-6, abs=1e-9)
    assert icr.bayes_error(0.0, 0.2) == pytest.approx(1.0)


def test_the_posterior_mean_is_the_best_ridge():
    given = contexts(20_000)
    errors = [
        float(icr.squared_errors(icr.ridge_estimates(given, LENGTH, factor * D * NOISE), given.w).mean())
        for factor in (0.7, 1.0, 1.4)
    ]
    assert min(errors) == errors[1]


def test_the_best_step_and_its_error():
    given = contexts(60_000)
    h = moments(given)
    step = icr.attention_step(LENGTH, D, NOISE)
    assert float((h * given.w).sum() / h.square().sum()) == pytest.approx(step, rel=0.02)
    error = float(icr.squared_errors(step * h, given.w).mean())
    assert error == pytest.approx(icr.attention_error(LENGTH, D, NOISE), rel=0.02)
    assert icr.attention_error(LENGTH, D, NOISE) == pytest.approx((D + 1 + D * NOISE) / (LENGTH + D + 1 + D * NOISE))


def test_errors_of_any_matrix_on_new_and_on_listed_tasks():
    gamma = torch.randn(D, D, generator=generator(5), dtype=DOUBLE) / 4
    given = contexts(60_000)
    measured = float(icr.squared_errors(moments(given) @ gamma.T, given.w).mean())
    assert float(icr.new_task_error(gamma, LENGTH, NOISE)) == pytest.approx(measured, rel=0.02)
    tasks = icr.draw_tasks(3, D, generator(6))
    given = contexts(0, tasks.repeat(20_000, 1))
    measured = float(icr.squared_errors(moments(given) @ gamma.T, given.w).mean())
    assert float(icr.seen_task_error(gamma, tasks, LENGTH, NOISE)) == pytest.approx(measured, rel=0.02)


def test_the_best_matrix_for_a_list_is_a_minimum():
    tasks = icr.draw_tasks(4, D, generator())
    gamma = icr.best_attention(tasks, LENGTH, NOISE).requires_grad_()
    (gradient,) = torch.autograd.grad(icr.seen_task_error(gamma, tasks, LENGTH, NOISE), gamma)
    assert float(gradient.abs().max()) < 1e-13
    many = icr.best_attention(icr.draw_tasks(200_000, D, generator()), LENGTH, NOISE)
    torch.testing.assert_close(
        many, icr.attention_step(LENGTH, D, NOISE) * torch.eye(D, dtype=DOUBLE), atol=0.01, rtol=0
    )


@pytest.mark.parametrize("ratio", [0.25, 1.0, 5.0])
def test_few_tasks_are_described_by_the_marchenko_pastur_law(ratio):
    d, length = 300, 450
    tasks = icr.draw_tasks(int(ratio * d), d, generator())
    gamma = icr.best_attention(tasks, length, NOISE)
    new, seen = icr.diversity_errors(ratio, length, d, NOISE)
    assert new == pytest.approx(float(icr.new_task_error(gamma, length, NOISE)), rel=0.01)
    assert seen == pytest.approx(float(icr.seen_task_error(gamma, tasks, length, NOISE)), rel=0.02)


def test_endlessly_many_tasks_are_all_tasks():
    new, seen = icr.diversity_errors(1e9, LENGTH, D, NOISE)
    assert new == pytest.approx(icr.attention_error(LENGTH, D, NOISE), rel=1e-6)
    assert seen == pytest.approx(new, rel=1e-6)


def test_the_discrete_posterior_weighs_by_likelihood():
    tasks, given = icr.draw_tasks(3, D, generator(7)), contexts(5)
    found = icr.discrete_estimates(given, tasks, NOISE)
    for b in range(5):
        likelihood = [math.exp(-float((given.y[b] - given.x[b] @ w).square().sum()) / (2 * NOISE)) for w in tasks]
        expected = sum(p * w for p, w in zip(likelihood, tasks, strict=True)) / sum(likelihood)
        torch.testing.assert_close(found[b], expected)


def test_attention_is_what_it_is_called():
    """Values times the products of keys and query, one token after the other."""
    given = contexts(3)
    model = icr.LinearAttention(2, D, generator(), DOUBLE)
    for weights in model.parameters():
        weights.requires_grad_(False)
    estimates = model(icr.prefix_moments(given, [4, LENGTH]))
    query = torch.randn(D, generator=generator(1), dtype=DOUBLE)
    for member, length in enumerate((4, LENGTH)):
        tokens = torch.cat([given.x[1], given.y[1, :, None]], dim=1)[:length]
        answer = sum(float(model.values[member, :, 0] @ z) * float(z @ model.keys[member] @ query) for z in tokens)
        assert answer / length == pytest.approx(float(estimates[member, 1] @ query))


def test_members_trained_together_are_as_if_alone():
    def trained(members: list[int]) -> torch.Tensor:
        model = icr.LinearAttention(2, D, generator(), DOUBLE)
        with torch.no_grad():
            for weights in model.parameters():
                weights[:] = weights[members]
        rates = icr.cosine(0.05, 20)
        losses = list(icr.train_attention(model, [5, LENGTH], NOISE, 16, rates, generator(2)))
        assert losses[-1] < losses[0]
        return model.combined()[1].detach()

    torch.testing.assert_close(trained([0, 1]), trained([1, 1]))


def test_training_on_lists_reaches_the_best_matrix():
    lists = [icr.draw_tasks(k, D, generator(k)) for k in (2, 40)]
    gamma = torch.zeros(2, D, D, dtype=DOUBLE, requires_grad=True)
    list(icr.train_on_lists(gamma, lists, LENGTH, NOISE, 64, icr.cosine(0.05, 300), generator()))
    for member, tasks in enumerate(lists):
        best = icr.seen_task_error(icr.best_attention(tasks, LENGTH, NOISE), tasks, LENGTH, NOISE)
        reached = icr.seen_task_error(gamma[member].detach(), tasks, LENGTH, NOISE)
        assert 0 <= float(reached / best - 1) < 0.02
