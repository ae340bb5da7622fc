"""Second-order optimizers as ordinary torch optimizers: they know no equation, no configuration and no record."""

from baselines.pinn_pde.optimizers.lm import LevenbergMarquardt
from baselines.pinn_pde.optimizers.ssbroyden import SSBroyden

__all__ = ["LevenbergMarquardt", "SSBroyden"]
