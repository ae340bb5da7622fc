"""What the tests of DeepXDE share: small problems, and a network with its history."""

import pytest

from baselines.pinn_pde.problem import PDEProblem
from tests.pinn_pde.conftest import make

pytest.importorskip("baselines.pinn_pde.deepxde_model")
from baselines.pinn_pde.deepxde_model import PINN
from baselines.pinn_pde.deepxde_training import History

Rows = list[tuple[int, dict[str, float]]]


def small(name: str = "heat", **keys: object) -> PDEProblem:
    return make(name, **{"num_domain": 60, "num_boundary": 20, **keys})


def build(problem: PDEProblem, width: int = 8, seed: int = 1) -> tuple[PINN, History, Rows]:
    pinn = PINN(problem, [width], observations=problem.observations(0), point_seed=0, network_seed=seed)
    rows: Rows = []
    return pinn, History(pinn, lambda iteration, row: rows.append((iteration, row))), rows
