from collections.abc import Iterator
from typing import Any

import pytest

from baselines.common import options
from baselines.pinn_pde.problem import PDEProblem

PROBLEMS = options.groups("pinn_pde")["problem"]


def make(name: str, **keys: Any) -> PDEProblem:
    return options.option_class("pinn_pde", "problem", name)(**keys)


@pytest.fixture(params=PROBLEMS)
def problem(request: pytest.FixtureRequest) -> Iterator[PDEProblem]:
    yield make(request.param)
