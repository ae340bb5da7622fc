r"""Standard errors of a network's unknowns: how far noise in the data moves the minimum of the objective.

With rows scaled as in `Objective.vector` the minimum moves by $\delta\theta = -(J^T J)^{-1} J_d^T \varepsilon_d$ when
the observations move by $\varepsilon$, hence

$$\mathrm{Cov}(\theta) = (J^T J)^{-1} \, J_d^T \, \mathrm{Cov}(\varepsilon_d) \, J_d \, (J^T J)^{-1} .$$

Only the data are random; the equations hold without noise. With weights that are inverse variances this is the
Gauss-Newton (Laplace) covariance; for any other weights it is the sandwich that keeps the intervals honest.
Source: P. J. Huber, Proc. Fifth Berkeley Symposium, 1967 (sandwich); D. MacKay, Neural Computation 1992 (Laplace).
"""

from __future__ import annotations

import torch

from baselines.pinn_pde.objective import Objective

CUTOFF = 1e-9  # singular values below this share of the largest are directions in which training does not move


def standard_errors(objective: Objective) -> dict[str, float]:
    """Standard error of each unknown.

    Args:
        objective: at its minimum.

    Returns:
        Name to standard error; {} if there are no unknowns or the data have no noise.
    """
    if not objective.moved or not any(block.noise for block in objective.blocks):
        return {}
    _, jacobian = objective.jacobian()
    scatter, start = torch.zeros(len(jacobian), dtype=jacobian.dtype, device=jacobian.device), 0
    for block in objective.blocks:
        with torch.no_grad():
            rows = objective.residual(block)
        factor = objective.scale(block, rows).expand_as(rows).ravel()
        scatter[start : start + len(factor)] = factor * (block.noise or 0.0)
        start += len(factor)
    _, s, vt = torch.linalg.svd(jacobian, full_matrices=False)
    kept = s > CUTOFF * s[0]
    inverse = torch.where(kept, 1.0 / torch.where(kept, s, torch.ones_like(s)) ** 2, torch.zeros_like(s))
    found = {}
    for k, name in enumerate(objective.moved):
        column = jacobian.shape[1] - len(objective.moved) + k
        direction = vt.T @ (inverse * vt[:, column])
        found[name] = float(torch.linalg.norm(scatter * (jacobian @ direction))) * objective.scales[name]
    return found
