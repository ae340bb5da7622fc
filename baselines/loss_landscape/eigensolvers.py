"""Four ways to the largest eigenvalues of a Hessian, from nothing but an objective: ours and those of other packages.

Each starts from scratch (gradient graph or operator included) and from a random vector of the given seed.
"""

import sys
import warnings
from collections.abc import Callable
from typing import Any, NamedTuple
from unittest import mock

import numpy as np
import torch
from scipy.sparse.linalg import LinearOperator, eigsh

from baselines.loss_landscape import curvlinops_adapter
from baselines.loss_landscape.hessian import Hessian, top_eigenvalues
from baselines.loss_landscape.lanczos import largest
from baselines.loss_landscape.objective import Objective


class Answer(NamedTuple):
    """What a solver returns."""

    values: np.ndarray
    """Shape [k], largest first."""
    products: int
    """Hessian-vector products it took."""


Solver = Callable[[Objective, int, float, int], Answer]
"""(objective, number of eigenvalues k, tolerance, seed of the start) -> answer."""


def _start(objective: Objective, seed: int) -> torch.Tensor:
    generator = torch.Generator().manual_seed(seed)
    return torch.randn(objective.size, generator=generator, dtype=torch.float64).to(objective.parameters[0])


def lanczos(objective: Objective, k: int, tol: float, seed: int) -> Answer:
    """Lanczos without restarts, through one stored gradient graph."""
    hessian = Hessian(objective.loss(), objective.parameters)
    run = largest(hessian.product, _start(objective, seed), k, tol=tol)
    return Answer(run.ritz().values[:k], hessian.products)


def arpack(objective: Objective, k: int, tol: float, seed: int) -> Answer:
    """`hessian.top_eigenvalues`, as it is used along training."""
    hessian = Hessian(objective.loss(), objective.parameters)
    pairs = top_eigenvalues(hessian, k, tol=tol, rng=np.random.default_rng(seed))
    return Answer(pairs.values, pairs.products)


def curvlinops(objective: Objective, k: int, tol: float, seed: int) -> Answer:
    """Curvlinops' Hessian and scipy's eigsh, as in its documentation; it repeats the forward pass for each product."""
    theirs, products = curvlinops_adapter.hessian(objective).to_scipy(), 0

    def matvec(vector: np.ndarray) -> np.ndarray:
        nonlocal products
        products += 1
        image: np.ndarray = theirs.matvec(vector)
        return image

    operator = LinearOperator(theirs.shape, matvec=matvec, dtype=theirs.dtype)
    start = _start(objective, seed).double().cpu().numpy()
    values = eigsh(operator, k=k, which="LA", tol=tol, v0=start, return_eigenvectors=False)
    return Answer(np.sort(values)[::-1].copy(), products)


def pyhessian(objective: Objective, k: int, tol: float, seed: int) -> Answer:
    """PyHessian's power iteration with deflation; it stops where the Rayleigh quotient changes by less than `tol`.

    It finds the eigenvalues of largest modulus one after the other, and not the algebraically largest.

    Raises:
        ImportError: If PyHessian is not installed.
    """
    from pyhessian import hessian as PyHessian  # a class with a small letter

    module: Any = sys.modules["pyhessian.hessian"]
    product, parameter = mock.Mock(wraps=module.hessian_vector_product), objective.parameters[0]
    before = torch.get_default_dtype()
    try:
        torch.set_default_dtype(parameter.dtype)  # that of its random vectors
        with torch.random.fork_rng(devices=[]), warnings.catch_warnings():
            warnings.simplefilter("ignore", UserWarning)  # of torch, about backward(create_graph=True)
            torch.manual_seed(seed)
            with mock.patch.object(module, "hessian_vector_product", product):
                solver = PyHessian(
                    objective.model, objective.criterion, data=(objective.inputs, objective.targets), cuda=False
                )
                values, _ = solver.eigenvalues(tol=tol, top_n=k)
    finally:
        torch.set_default_dtype(before)
        objective.model.zero_grad(set_to_none=True)  # else the graph is never freed
        objective.model.train()
    return Answer(np.array(values), product.call_count)


SOLVERS: dict[str, Solver] = {"lanczos": lanczos, "arpack": arpack, "curvlinops": curvlinops, "pyhessian": pyhessian}
