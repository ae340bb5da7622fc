r"""Parametrisations of a transformer: how initial weights, step sizes and multipliers go with the width d.

Under Adam every entry of a matrix moves by about the learning rate a step, and the moves of one step agree with the
input they came from: a matrix with fan-in $d$ changes its output by about $\eta d$. The maximal update parametrisation
(muP) divides that $d$ away, so that each layer's output changes by as much at every width, and one learning rate
serves all of them ($d_0$: the base width, at which both parametrisations agree):

| tensor | initial deviation, standard | muP | learning rate, standard | muP |
|---|---|---|---|---|
| embedding, positions | constant | the same | $\eta$ | $\eta$ |
| hidden matrices (fan-in n) | $1/\sqrt{n}$ | the same | $\eta$ | $\eta\, d_0/d$ |
| readout | $1/\sqrt{d}$ | $1/\sqrt{d_0}$ | $\eta$ | $\eta$, and the logits times $d_0/d$ |
| attention $q \cdot k$ (head dimension h) | | | divided by $\sqrt{h}$ | divided by $h / \sqrt{h_0}$ |

Random readouts give initial logits of order $\sqrt{d_0/d}$ under muP, random queries initial scores of order
$1/\sqrt{d}$. They fade with the width, and in models of this size they hide the limit: for the coordinate check both
start at zero, as Yang et al. recommend.

The slope of the change of a layer's output against the width, in logarithms, is the coordinate check: 0 in every layer
under muP, up to 1 if not.

References:
    Yang et al. (2021), "Tensor programs V", arXiv:2203.03466, table 8, and the coordinate check of its code.
"""

import math
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass

import numpy as np
import torch
from torch import Tensor

from baselines.scaling_law.transformer import Adam, Shape, Transformers

EMBEDDINGS = ("embedding", "positions")
READOUT = "readout"
EMBEDDING = 0.5  # initial deviation of the embeddings


@dataclass(frozen=True)
class Rule:
    """What a parametrisation prescribes at one width."""

    deviation: dict[str, float]
    """Standard deviation of the initial entries of each tensor."""
    learning_rate: dict[str, float]
    """Factor of the learning rate of each tensor."""
    readout: float
    """Multiplier of the logits."""
    attention: float
    """Multiplier of q . k."""
    queries: float = 1.0
    """Initial queries over those of the table."""


def standard(shape: Shape, base_width: int, start: float = 1.0) -> Rule:
    """The usual parametrisation: one learning rate for all tensors.

    Args:
        shape: Of the model.
        base_width: Of no effect; here so that all rules have the same arguments.
        start: Initial readout and queries over those of the table; 0 starts both at zero.
    """
    sizes = shape.tensors()
    deviation = {name: EMBEDDING if name in EMBEDDINGS else 1 / math.sqrt(size[0]) for name, size in sizes.items()}
    deviation[READOUT] *= start
    return Rule(deviation, dict.fromkeys(sizes, 1.0), 1.0, 1 / math.sqrt(shape.head_width), start)


def mup(shape: Shape, base_width: int, start: float = 1.0) -> Rule:
    """The maximal update parametrisation.

    Args:
        shape: Of the model.
        base_width: Width d_0 at which it is the standard one.
        start: Initial readout and queries over those of the table; 0 starts both at zero.
    """
    plain = standard(shape, base_width, start)
    ratio = shape.width / base_width
    hidden = {name: 1.0 if name in (*EMBEDDINGS, READOUT) else 1 / ratio for name in plain.learning_rate}
    deviation = plain.deviation | {READOUT: plain.deviation[READOUT] * math.sqrt(ratio)}
    return Rule(deviation, hidden, 1 / ratio, plain.attention / math.sqrt(ratio), start)


RULES: dict[str, Callable[[Shape, int, float], Rule]] = {"mup": mup, "standard": standard}


def movements(model: Transformers, tokens: Tensor, lr: float, steps: int, skip: int = 0) -> Iterator[dict[str, Tensor]]:
    """Root mean square change of each layer's output since the start, after each step of Adam on one batch.

    Args:
        model: One or more members; trained in place.
        tokens: The batch, on which the outputs are taken too.  Shape [K, windows, length + 1].
        lr: Learning rate, without warm-up or decay.
        steps: How many.
        skip: First targets of a window that are not scored.

    Yields:
        Layer -> one number a member.  Shape [K].
    """
    optimizer = Adam(model, [lr] * model.members)
    before = outputs(model, tokens[..., :-1])
    for _ in range(steps):
        model.losses(tokens, skip).mean((1, 2)).sum().backward()
        optimizer.step(1.0)
        after = outputs(model, tokens[..., :-1])
        yield {name: (after[name] - before[name]).square().mean((1, 2, 3)).sqrt() for name in before}


def outputs(model: Transformers, tokens: Tensor) -> dict[str, Tensor]:
    """Output of every layer, the logits last, without gradients.

    Args:
        model: One or more members.
        tokens: Shape [K, windows, length].
    """
    found: dict[str, Tensor] = {}
    with torch.no_grad():
        model.logits(tokens, found)
    return found


def best_rate(rates: Sequence[float], losses: Sequence[float]) -> float:
    """Learning rate of the lowest loss: vertex of the parabola in log rate through the lowest point and its neighbours.

    Args:
        rates: Tried learning rates, ascending.
        losses: Final loss of each; infinite where the training diverged.

    Returns:
        The rate itself if the lowest point is at an end or beside a diverged training.
    """
    place = min(range(len(rates)), key=lambda i: losses[i])
    near = slice(place - 1, place + 2)
    if place in (0, len(rates) - 1) or not np.isfinite(losses[near]).all():
        return float(rates[place])
    square, line, _ = np.polyfit(np.log(rates[near]), losses[near], 2)
    return float(np.exp(-line / (2 * square)))
