"""Compute-optimal allocation against its definition."""

import numpy as np
import pytest

from baselines.scaling_law import allocation
from baselines.scaling_law.published_laws import CHINCHILLA_COMPUTE, EPOCH, HOFFMANN

BUDGETS = np.array([1e19, 1e22, CHINCHILLA_COMPUTE])


def test_several_laws_at_several_budgets():
    found = allocation.of_laws(np.array([EPOCH.logs, HOFFMANN.logs]), BUDGETS)
    assert found.parameters.shape == (2, 3)
    for row, law in zip(found.parameters, (EPOCH, HOFFMANN), strict=True):
        assert row == pytest.approx(law.optimal_parameters(BUDGETS))
    assert 6 * found.parameters * found.tokens == pytest.approx(np.tile(BUDGETS, (2, 1)))
    assert found.ratio[0] == pytest.approx(EPOCH.tokens_per_parameter(BUDGETS))


@pytest.mark.parametrize("law", [EPOCH, HOFFMANN], ids=["epoch", "hoffmann"])
def test_moving_away_costs_loss(law):
    best = allocation.of_laws(law.logs, BUDGETS)
    at_best = law.loss(best.parameters, best.tokens)
    for factor in (0.9, 1.1):
        assert (law.loss(best.parameters * factor, best.tokens / factor) > at_best).all()


def test_a_power_law_of_the_tokens_is_the_same_allocation():
    law = allocation.of_laws(EPOCH.logs, BUDGETS)
    exponent = np.log(law.tokens[2] / law.tokens[0]) / np.log(BUDGETS[2] / BUDGETS[0])
    intercept = np.log(law.tokens[0]) - exponent * np.log(BUDGETS[0])
    found = allocation.of_power_law(np.array([exponent, exponent]), np.array([intercept, intercept + 0.1]), BUDGETS)
    assert found.parameters[0] == pytest.approx(law.parameters)
    assert found.tokens[1] == pytest.approx(np.exp(0.1) * law.tokens)


def test_the_band_is_taken_over_the_laws():
    laws = np.tile(EPOCH.logs, (101, 1))
    laws[:, 0] += np.linspace(-1, 1, 101)
    found = allocation.of_laws(laws, BUDGETS)
    low, high = found.band("parameters", 0.9)
    assert low == pytest.approx(found.parameters[5])
    assert high == pytest.approx(found.parameters[95])
