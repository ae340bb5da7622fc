r"""A generated language whose entropy is known in closed form: a Markov chain with Zipf transition rows.

The context $c$ of a token is the last token $b$ (order 1), or the last two tokens $a, b$ (order 2). It gives every
token $j$ a score, and the token of rank $r$ by that score follows with Zipf's probability:

$$S_{cj} = \sum_{k=1}^{V} k^{-b}\, z_{ck}\, v_{jk}, \qquad
p(j \mid c) = \frac{r_c(j)^{-s}}{\sum_{r=1}^{V} r^{-s}},$$

with $z_c = u_b$ (order 1) or $z_c = \sqrt{1 - m}\, u_b + \sqrt{m}\, w_a$ (order 2), and $u, w, v$ standard normal.
Every row is a permutation of *one* distribution, so the entropy rate is that of Zipf's law, whatever the chain does:

$$H = \log Z + \frac{s}{Z} \sum_{r=1}^{V} r^{-s} \log r, \qquad Z = \sum_{r=1}^{V} r^{-s} .$$

The scores have a power-law spectrum, as the data of `spectrum.py` do: there is always a weaker direction left to learn,
for more width and for more data. At $b = 0$ the rows are almost independent random permutations.
"""

import math
from dataclasses import dataclass
from typing import NamedTuple

import torch
from torch import Tensor

CHUNK = 4096  # contexts whose scores are sorted at a time


class Text(NamedTuple):
    """Windows of text and what the source itself pays for them."""

    tokens: Tensor
    """Shape [windows, length + 1]."""
    surprise: Tensor | None
    """Exact -log p of tokens 1 to length given their context, in nats; None if the source is not known.
    Shape [windows, length]."""


@dataclass(frozen=True)
class ZipfMarkov:
    """A Markov chain with Zipf rows, ready to sample."""

    successors: Tensor
    """Token of rank r after each context, uint8 or int16.  Shape [V^order, V]."""
    stationary: Tensor
    """Long-run probability of each context, float64.  Shape [V^order]."""
    rank_probability: Tensor
    """Zipf's law over the ranks, float64.  Shape [V]."""

    @property
    def vocabulary(self) -> int:
        """Number V of tokens."""
        return self.successors.shape[1]

    @property
    def order(self) -> int:
        """Tokens in a context."""
        return round(math.log(len(self.successors), self.vocabulary))

    @property
    def skip(self) -> int:
        """First targets of a window, whose context is cut off; they are not scored."""
        return self.order - 1

    @property
    def entropy(self) -> float:
        """Entropy rate H, nats per token: the loss of a perfect model."""
        return float(-(self.rank_probability * self.rank_probability.log()).sum())

    def to(self, device: torch.device | str) -> "ZipfMarkov":
        """The same language on another device."""
        return ZipfMarkov(self.successors.to(device), self.stationary.to(device), self.rank_probability.to(device))

    def sample(self, windows: int, length: int, generator: torch.Generator) -> Text:
        """Independent windows of fresh text; each starts in the chain's stationary distribution.

        Args:
            windows: How many.
            length: Targets in each; a window holds one token more.
            generator: On the device of the chain.
        """
        order, vocabulary, contexts = self.order, self.vocabulary, len(self.successors)
        cumulative, device = self.rank_probability.cumsum(0), self.rank_probability.device
        draws = torch.rand(windows, length + 2 - order, generator=generator, dtype=torch.float64, device=device)
        first = draws[:, 0].contiguous()
        context = torch.searchsorted(self.stationary.cumsum(0), first).clamp_(max=contexts - 1)
        ranks = torch.searchsorted(cumulative, draws[:, 1:].contiguous()).clamp_(max=vocabulary - 1)  # [windows, steps]
        flat = self.successors.reshape(-1)
        tokens = torch.empty(windows, length + 1, dtype=torch.long, device=device)
        for place in range(order):
            tokens[:, place] = context // vocabulary ** (order - 1 - place) % vocabulary
        for step in range(length + 1 - order):
            token = flat[context * vocabulary + ranks[:, step]].long()
            tokens[:, order + step] = token
            context = (context * vocabulary + token) % contexts
        surprise = torch.zeros(windows, length, dtype=torch.float64, device=device)
        surprise[:, order - 1 :] = -self.rank_probability.log()[ranks]
        return Text(tokens, surprise)

    def transition(self) -> Tensor:
        """Probability of each token after each context, float64.  Shape [V^order, V]."""
        rows = torch.empty(self.successors.shape, dtype=torch.float64, device=self.successors.device)
        return rows.scatter_(1, self.successors.long(), self.rank_probability.expand_as(rows))

    def ladder(self) -> tuple[float, ...]:
        """Loss of the perfect model that sees 0, 1, ..., order tokens: from the unigram entropy down to H, in nats."""
        vocabulary, found = self.vocabulary, []
        joint = self.stationary[:, None] * self.transition()  # [V^order, V]
        for seen in range(self.order + 1):
            blocks = joint.reshape(-1, vocabulary**seen, vocabulary).sum(0)  # [V^seen, V]: the last `seen` tokens
            conditional = blocks / blocks.sum(1, keepdim=True)
            found.append(float(-torch.xlogy(blocks, conditional).sum()))
        return tuple(found)


def zipf_markov(
    vocabulary: int, order: int, exponent: float, decay: float, mix: float, generator: torch.Generator
) -> ZipfMarkov:
    """Draw a language.

    Args:
        vocabulary: Number V of tokens.
        order: 1 or 2, tokens in a context.
        exponent: s of Zipf's law over the ranks of a row.
        decay: b, decay of the singular values of the scores.
        mix: m, share of the last token but one in the score; order 2 only.
        generator: CPU generator of u, w and v.

    Raises:
        ValueError: If the order is not 1 or 2, the vocabulary is too small or the mix is not in [0, 1].
    """
    if order not in (1, 2):
        raise ValueError(f"order must be 1 or 2; got {order}")
    if not 2 <= vocabulary <= 2**15 or not 0 <= mix <= 1:
        raise ValueError(f"vocabulary must be from 2 to 32768 and mix from 0 to 1; got {vocabulary}, {mix}")
    ranks = torch.arange(1, vocabulary + 1, dtype=torch.float64)
    last, before, value = torch.randn(3, vocabulary, vocabulary, generator=generator, dtype=torch.float64)
    directions = value * ranks**-decay  # [token, k]
    if order == 1:
        features = last
    else:
        features = (math.sqrt(mix) * before[:, None] + math.sqrt(1 - mix) * last[None]).reshape(-1, vocabulary)
    rows = [(part @ directions.T).argsort(dim=1, descending=True, stable=True) for part in features.split(CHUNK)]
    successors = torch.cat([part.to(torch.uint8 if vocabulary <= 256 else torch.int16) for part in rows])
    probability = ranks**-exponent / (ranks**-exponent).sum()
    return ZipfMarkov(successors, stationary_distribution(successors, probability), probability)


def stationary_distribution(successors: Tensor, probability: Tensor, tolerance: float = 1e-12) -> Tensor:
    """Long-run probabilities of the contexts, by iterating the chain until they stand still.

    Args:
        successors: Token of each rank after each context.  Shape [V^order, V].
        probability: Of each rank.  Shape [V].
        tolerance: Total change of an iteration at which it stops.

    Returns:
        float64.  Shape [V^order].

    Raises:
        RuntimeError: If 10000 iterations are not enough.
    """
    contexts, vocabulary = successors.shape
    rows = torch.empty(contexts, vocabulary, dtype=torch.float64)
    rows.scatter_(1, successors.long(), probability.expand_as(rows))
    # Order 1: a context's next token is the next context. Order 2: the pair (a, b) goes to (b, c).
    blocks = rows.reshape(-1, contexts // vocabulary, vocabulary)  # [1, V, V] or [V, V, V]: (a, b, c)
    current = torch.full((contexts,), 1 / contexts, dtype=torch.float64)
    for _ in range(10000):
        following = (current.reshape(blocks.shape[:2])[..., None] * blocks).sum(0)  # [b, c]; order 1: [b, c]
        following = following.sum(0) if contexts == vocabulary else following.reshape(-1)
        if float((following - current).abs().sum()) < tolerance:
            return following / following.sum()
        current = following
    raise RuntimeError("the chain's long-run distribution did not settle in 10000 iterations")
