"""The only module that knows curvlinops, whose interface changes between its versions (here: from 3.0.1, below 4).

From curvlinops come the generalised Gauss-Newton matrix, the trace estimators, and a Hessian that is independent of
ours. Its own check for determinism is switched off: it takes two more products with random vectors of the global
generator, which would change the random streams of a run.

Reference: F. Dangel and others, Position: Curvature Matrices Should Be Democratized via Linear Operators, 2025
(arXiv:2501.19183).
"""

from collections.abc import Sequence

import numpy as np
import torch
from curvlinops import GGNLinearOperator, HessianLinearOperator, hutchinson_trace, hutchpp_trace, xtrace
from curvlinops._torch_base import PyTorchLinearOperator
from torch import Tensor, nn

from baselines.loss_landscape.lanczos import Product
from baselines.loss_landscape.objective import Criterion, Objective

ESTIMATORS = {"hutchinson": hutchinson_trace, "hutch_plus_plus": hutchpp_trace, "xtrace": xtrace}


class _Criterion(nn.Module):
    """A criterion as the module that curvlinops expects; `reduction` says that it is a mean over examples."""

    reduction = "mean"

    def __init__(self, criterion: Criterion) -> None:
        super().__init__()
        self.criterion = criterion

    def forward(self, outputs: Tensor, targets: Tensor) -> Tensor:
        return self.criterion(outputs, targets)


def hessian(objective: Objective) -> PyTorchLinearOperator:
    """The Hessian of an objective on all its examples; `operator @ v` is a product."""
    return _operator(HessianLinearOperator, objective)


def gauss_newton(objective: Objective) -> PyTorchLinearOperator:
    """The generalised Gauss-Newton matrix, 1/N sum_n J_n' H_n J_n.

    J_n [C, P] is the Jacobian of the outputs of example n and H_n [C, C] the Hessian of its loss with respect to
    them. It is the Hessian of the loss with the network replaced by its linearisation, and has no negative eigenvalue
    for a convex loss.
    """
    return _operator(GGNLinearOperator, objective)


def _operator(kind: type, objective: Objective) -> PyTorchLinearOperator:
    data = [(objective.inputs, objective.targets)]
    criterion = _Criterion(objective.criterion)
    made: PyTorchLinearOperator = kind(
        objective.model, criterion, objective.parameters, data, check_deterministic=False, num_data=len(data[0][0])
    )
    return made


class ProductOperator(PyTorchLinearOperator):
    """Products of any kind as an operator of curvlinops, for its estimators.

    Args:
        product: Products with a symmetric matrix.
        like: A vector of shape [P] with the precision and the device to work in.
    """

    SELF_ADJOINT = True

    def __init__(self, product: Product, like: Tensor) -> None:
        super().__init__([tuple(like.shape)], [tuple(like.shape)])
        self.product, self.like = product, like

    def _matmat(self, X: list[Tensor]) -> list[Tensor]:  # the name in the base class
        (matrix,) = X  # [P, K]
        return [torch.stack([self.product(column.contiguous()) for column in matrix.unbind(1)], dim=1)]

    @property
    def device(self) -> torch.device:
        """Where the vectors are."""
        return self.like.device

    @property
    def dtype(self) -> torch.dtype:
        """Precision of the vectors."""
        return self.like.dtype


def traces(operator: PyTorchLinearOperator | Tensor, method: str, products: int, seeds: Sequence[int]) -> np.ndarray:
    """Independent estimates of the trace; their spread over sqrt(their number) is the standard error of the mean.

    Args:
        operator: A symmetric matrix, P > products.
        method: `hutchinson`; `hutch_plus_plus` (Meyer et al. 2021, arXiv:2010.09649), `products` divisible by 3; or
            `xtrace` (Epperly et al. 2024, arXiv:2301.07825), `products` even.
        products: Matrix-vector products for each estimate.
        seeds: One for each estimate.

    Returns:
        Shape [len(seeds)].

    Raises:
        ValueError: If `method` is unknown, or curvlinops refuses the number of products.
    """
    if method not in ESTIMATORS:
        raise ValueError(f"method must be one of {', '.join(ESTIMATORS)}; got {method!r}")
    found = []
    # curvlinops draws from the global generator: it is seeded for each estimate, and put back afterwards
    with torch.random.fork_rng(devices=[operator.device] if operator.device.type == "cuda" else []):
        for seed in seeds:
            torch.manual_seed(seed)
            found.append(float(ESTIMATORS[method](operator, products)))
    return np.array(found)
