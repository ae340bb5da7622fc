r"""What counts as a parameter of a transformer: the number N of a scaling law depends on it.

A decoder-only transformer of width $d$ with $L$ layers, a feed-forward width $f$, a vocabulary of $V$ tokens and
learned positions for a context of $T$ tokens holds

$$\underbrace{(V + T)\,d}_{\text{embedding}} \qquad
\underbrace{L\,(4 d^2 + 2 d f)}_{\text{body}} \qquad \underbrace{V d}_{\text{head}}$$

($4 d^2$: query, key, value and output projections; $2 d f = 8 d^2$ at $f = 4 d$, so that a layer holds $12 d^2$.)
Norms add $(2 L + 1) d$ gains. In small models the embedding is most of N, in large ones it is nothing: a law fitted
over N with it and one fitted over N without it have different exponents.

References:
    Kaplan et al. (2020), "Scaling laws for neural language models", arXiv:2001.08361: N without embeddings.
    Hoffmann et al. (2022), "Training compute-optimal large language models", arXiv:2203.15556: N of everything.
    Karpathy (2026), nanochat, dev/LOG.md: the three conventions on one set of runs.
"""

from enum import Enum
from typing import NamedTuple


class Convention(Enum):
    """Which matrices are counted."""

    ALL = "all"
    """Embedding, body and head; nanochat calls it Chinchilla-style."""
    WITHOUT_EMBEDDING = "without_embedding"
    """Body and head: every matrix that multiplies; nanochat calls it Kaplan-style."""
    WITHOUT_EMBEDDING_AND_HEAD = "without_embedding_and_head"
    """The body alone: only what is inside the layers; nanochat calls it Transformer-only."""


CONVENTIONS = tuple(convention.value for convention in Convention)


class Parts(NamedTuple):
    """Numbers of parameters of the three parts of a transformer."""

    embedding: int
    """Token table and learned positions."""
    body: int
    """Layers and norms."""
    head: int
    """Output projection; 0 if it is the token table itself (tied)."""

    def count(self, convention: Convention | str) -> int:
        """N in a convention.

        A tied table is counted once under `ALL`, as an embedding, and not at all under the other two: this is Kaplan
        et al.'s own count, whose models tie it.

        Raises:
            ValueError: If there is no such convention.
        """
        chosen = convention_named(convention)
        total = self.body
        if chosen is not Convention.WITHOUT_EMBEDDING_AND_HEAD:
            total += self.head
        if chosen is Convention.ALL:
            total += self.embedding
        return total


def convention_named(name: Convention | str) -> Convention:
    """The convention of a name.

    Raises:
        ValueError: If there is none; the message lists those there are.
    """
    try:
        return Convention(name)
    except ValueError as problem:
        raise ValueError(f"the convention must be one of {', '.join(CONVENTIONS)}; got {name!r}") from problem


def parts(
    vocabulary: int,
    width: int,
    layers: int,
    context: int,
    *,
    feedforward: int | None = None,
    positions: bool = True,
    tied: bool = False,
    gains: int = 0,
    biases: bool = False,
) -> Parts:
    """Count the three parts.

    Args:
        vocabulary: Number of tokens V.
        width: Of the residual stream, d.
        layers: Number L of blocks, each of attention and a two-matrix feed-forward network.
        context: Length T of the sequences; it counts only with learned positions.
        feedforward: Inner width f of the feed-forward network; None means 4 d.
        positions: Whether positions are learned (T d parameters).
        tied: Whether the head is the token table.
        gains: Parameters of a norm per channel: 0 (no parameters), 1 (a gain) or 2 (gain and bias).
        biases: Whether the six projections of a layer have biases (5 d + f a layer).

    Raises:
        ValueError: If a size is not positive.
    """
    inner = 4 * width if feedforward is None else feedforward
    for name, size in (("vocabulary", vocabulary), ("width", width), ("layers", layers), ("feedforward", inner)):
        if size < 1:
            raise ValueError(f"{name} must be at least 1; got {size}")
    layer = 4 * width**2 + 2 * width * inner
    if biases:
        layer += 5 * width + inner
    norms = gains * (2 * layers + 1) * width
    embedding = (vocabulary + (context if positions else 0)) * width
    return Parts(embedding, layers * layer + norms, 0 if tied else vocabulary * width)


def parameters(
    convention: Convention | str, vocabulary: int, width: int, layers: int, context: int, **details: int | bool | None
) -> int:
    """Number of parameters N of a transformer in a convention.

    Args:
        convention: `all`, `without_embedding` or `without_embedding_and_head`.
        vocabulary: Number of tokens V.
        width: Of the residual stream, d.
        layers: Number L of blocks.
        context: Length T of the sequences.
        **details: The further arguments of `parts`.

    Raises:
        ValueError: If there is no such convention, or a size is not positive.
    """
    return parts(vocabulary, width, layers, context, **details).count(convention)  # type: ignore[arg-type]
