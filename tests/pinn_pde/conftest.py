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


@pytest.fixture
def double() -> Iterator[None]:
    """DeepXDE in double precision."""
    from baselines.pinn_pde.deepxde_model import session

    with session(0, "cpu", "float64"):
        yield
