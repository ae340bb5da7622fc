"""Published fits of the Chinchilla runs, to be shown beside ours."""

from typing import NamedTuple

from baselines.scaling_law.parametric_fit import ScalingLaw

CHINCHILLA_PARAMETERS = 70e9
CHINCHILLA_TOKENS = 1.4e12
CHINCHILLA_COMPUTE = 6 * CHINCHILLA_PARAMETERS * CHINCHILLA_TOKENS
"""Training compute of Chinchilla in FLOP, from the size and the tokens it was trained with (arXiv:2203.15556)."""


class Interval(NamedTuple):
    """Ends of a confidence interval."""

    low: float
    high: float


class Allocated(NamedTuple):
    """Exponents of the compute-optimal allocation: `N* ~ C^parameters`, `D* ~ C^tokens`."""

    parameters: float
    tokens: float


HOFFMANN = ScalingLaw.from_logs((6.0073404, 6.0179186, 0.5267228, 0.33917084, 0.2849083))
"""Hoffmann et al., approach 3, unrounded: from the LaTeX source of arXiv:2203.15556, as used by Besiroglu et al."""

HOFFMANN_EXPONENT_80 = Interval(0.454, 0.455)
"""Hoffmann et al.'s 80 % interval of the exponent `a` of the compute-optimal model size."""

EPOCH = ScalingLaw(A=477.8, B=2143.4, E=1.8172, alpha=0.3473, beta=0.3672)
"""The exact optimum of Besiroglu et al.'s objective on their 240 runs (their repository's notebook, cell 18)."""

EPOCH_OBJECTIVE = 1.0184e-3
"""Upper bound of the sum of Huber losses at that optimum."""

EPOCH_INTERVALS = {
    "A": Interval(285, 744),
    "B": Interval(1042, 5810),
    "E": Interval(1.769, 1.871),
    "alpha": Interval(0.317, 0.373),
    "beta": Interval(0.331, 0.415),
}
"""Besiroglu et al., 95 % intervals of 4000 bootstraps (notebook, cell 26)."""

EPOCH_LIKELIHOOD_RATIO = 84.0
"""Besiroglu et al., likelihood-ratio statistic of Hoffmann et al.'s law on the 240 runs, 5 degrees of freedom."""

EPOCH_EXPONENT_80_WIDTH = 0.051
"""Besiroglu et al., width of the 80 % interval of the exponent `a` (notebook, cell 26)."""

OPEN_ATHENA = ScalingLaw(A=4.0005, B=1.0509, E=1.9051, alpha=0.3511, beta=0.4587)
"""Open Athena's variable-projection fit of squared errors to the 217 of the 240 runs below 1e21 FLOP, with N in
millions and D in thousands of millions (scaling-law-analysis, experiment 0)."""

LLAMA3_TOKENS_EXPONENT = 0.53
"""Llama 3, section 3.2.1 (arXiv:2407.21783): optimal tokens `D* = A C^alpha` with (alpha, A) = (0.53, 0.29)."""

LLAMA3_COMPUTE = 3.8e25
"""The budget to which they extrapolate, in FLOP."""

LLAMA3_TOKENS = 16.55e12
LLAMA3_PARAMETERS = 402e9
"""What they read off at that budget."""

NANOCHAT_EXPONENTS = {
    "all": Allocated(0.37, 0.50),
    "without_embedding": Allocated(0.54, 0.49),
    "without_embedding_and_head": Allocated(0.70, 0.41),
}
"""Exponents of N* and D* under three parameter counts, as printed in nanochat's dev/LOG.md (2026)."""
