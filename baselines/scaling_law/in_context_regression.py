r"""Linear regression in context: the Bayes-optimal ridge, the best linear attention, and too few training tasks.

A task is $w \sim \mathcal N(0, I_d / d)$. A context holds $l$ pairs $x_i \sim \mathcal N(0, I_d)$,
$y_i = w \cdot x_i + \varepsilon_i$ with noise variance $\sigma^2$; asked is $w \cdot x$ for a new $x$. Every learner
here answers $\hat w \cdot x$. Its error, the noise of the query left out, is $E \lVert \hat w - w \rVert^2$; answering
zero has the error 1.

References:
    Zhang, Frei, Bartlett (2024), "Trained transformers learn linear models in-context", arXiv:2306.09927.
    von Oswald et al. (2023), "Transformers learn in-context by gradient descent", arXiv:2212.07677.
    Raventos et al. (2023), "Pretraining task diversity and the emergence of non-Bayesian in-context learning",
    arXiv:2306.15063.
    Lu et al. (2024), "Asymptotic theory of in-context learning by linear attention", arXiv:2405.11751.
"""

import math
from collections.abc import Iterator
from typing import NamedTuple

import torch
from torch import Tensor


class Contexts(NamedTuple):
    """Contexts of one length, one a task."""

    x: Tensor
    """Shape [B, l, d]."""
    y: Tensor
    """Shape [B, l]."""
    w: Tensor
    """The tasks.  Shape [B, d]."""


def bayes_error(samples_per_dimension: float, noise: float) -> float:
    r"""Error of the posterior mean for large d at fixed $\alpha = l / d$.

    $e = \frac 1 d \mathrm{tr} \big(I + \frac{X^T X}{d \sigma^2}\big)^{-1}$, and the Stieltjes transform of the
    Marchenko-Pastur law gives $e^2 + (\sigma^2 + \alpha - 1) \, e - \sigma^2 = 0$.

    Args:
        samples_per_dimension: `alpha`.
        noise: `sigma^2 > 0`.
    """
    half = (1 - samples_per_dimension - noise) / 2
    root = math.hypot(half, math.sqrt(noise))
    # of the two forms of the root, the one without cancellation
    return half + root if half > 0 else noise / (root - half)


def attention_step(length: float, d: int, noise: float) -> float:
    r"""The best factor $\gamma$ in $\hat w = \gamma \, \frac 1 l \sum_i y_i x_i$: $\frac{l}{l + d + 1 + d \sigma^2}$.

    Args:
        length: `l`.
        d: Dimension.
        noise: `sigma^2`.
    """
    return length / (length + d + 1 + d * noise)


def attention_error(length: float, d: int, noise: float) -> float:
    r"""Error of the best linear attention, exact at every d: $1 - \gamma = \frac{d + 1 + d \sigma^2}{l + d + 1 + d \sigma^2}$.

    Args:
        length: `l`.
        d: Dimension.
        noise: `sigma^2`.
    """  # noqa: E501
    return 1 - attention_step(length, d, noise)


def best_attention(tasks: Tensor, length: int, noise: float) -> Tensor:
    r"""The best $\Gamma$ in $\hat w = \Gamma \, \frac 1 l \sum_i y_i x_i$ for tasks drawn from a finite list.

    With $R = \frac 1 k \sum_j w_j w_j^T$ the moments of a Wishart matrix give
    $\Gamma = l R \, [(l + 1) R + (\mathrm{tr} R + \sigma^2) I]^{-1}$.

    Args:
        tasks: Shape [..., k, d].
        length: `l`.
        noise: `sigma^2`.

    Returns:
        Shape [..., d, d].
    """
    k, d = tasks.shape[-2:]
    r = tasks.mT @ tasks / k
    trace = r.diagonal(dim1=-2, dim2=-1).sum(-1)[..., None, None]
    eye = torch.eye(d, dtype=tasks.dtype, device=tasks.device)
    return torch.linalg.solve((length + 1) * r + (trace + noise) * eye, length * r)


def new_task_error(gamma: Tensor, length: int, noise: float) -> Tensor:
    r"""Error of any $\Gamma$ on new tasks, $1 - \frac 2 d \mathrm{tr} \Gamma
    + \frac{l + d + 1 + d \sigma^2}{l d} \lVert \Gamma \rVert_F^2$.

    Args:
        gamma: Shape [..., d, d].
        length: `l`.
        noise: `sigma^2`.
    """  # noqa: D205
    d = gamma.shape[-1]
    size = gamma.square().sum((-2, -1)) / (d * attention_step(length, d, noise))
    return 1 - 2 / d * gamma.diagonal(dim1=-2, dim2=-1).sum(-1) + size


def seen_task_error(gamma: Tensor, tasks: Tensor, length: int, noise: float) -> Tensor:
    r"""Error of any $\Gamma$ on a list of tasks, $\mathrm{tr} R - 2 \, \mathrm{tr} \Gamma R
    + \mathrm{tr} \, \Gamma \big[\frac{l + 1}{l} R + \frac{\mathrm{tr} R + \sigma^2}{l} I\big] \Gamma^T$.

    Args:
        gamma: Shape [d, d].
        tasks: Shape [k, d].
        length: `l`.
        noise: `sigma^2`.
    """  # noqa: D205
    r = tasks.T @ tasks / len(tasks)
    eye = torch.eye(len(r), dtype=r.dtype, device=r.device)
    moment = ((length + 1) * r + (r.trace() + noise) * eye) / length
    return r.trace() - 2 * (gamma * r).sum() + ((gamma @ moment) * gamma).sum()


def diversity_errors(tasks_per_dimension: float, length: int, d: int, noise: float) -> tuple[float, float]:
    r"""Errors of `best_attention` on new and on seen tasks, averaged over the list of k tasks, for large d.

    The eigenvalues $r$ of $d R$ follow the Marchenko-Pastur law of ratio $\phi = d / k$. With $a = l / (l + 1)$,
    $b = d (1 + \sigma^2) / (l + 1)$, $m = E \frac{1}{r + b}$, $m_2 = E \frac{1}{(r + b)^2}$:
    $$E_\text{new} = 1 - 2 a (1 - b m) + \frac{a^2}{\gamma} (1 - 2 b m + b^2 m_2), \qquad
      E_\text{seen} = 1 - a + a b (1 - b m) .$$

    Args:
        tasks_per_dimension: `k / d`.
        length: `l`.
        d: Dimension.
        noise: `sigma^2`.
    """
    phi = 1 / tasks_per_dimension
    a, b = length / (length + 1), d * (1 + noise) / (length + 1)
    linear = b + 1 - phi
    root = math.sqrt(linear**2 + 4 * phi * b)
    m = 2 / (linear + root) if linear > 0 else (root - linear) / (2 * phi * b)
    m2 = m * (phi * m + 1) / root
    learned = 1 - b * m
    new = 1 - 2 * a * learned + a**2 / attention_step(length, d, noise) * (1 - 2 * b * m + b**2 * m2)
    return new, 1 - a + a * b * learned


def draw_contexts(tasks: Tensor, length: int, noise: float, generator: torch.Generator) -> Contexts:
    """One context for each task.

    Args:
        tasks: Shape [B, d].
        length: `l`.
        noise: `sigma^2`.
        generator: Of the CPU.
    """
    b, d = tasks.shape
    draws = torch.randn(b, length, d + 1, generator=generator, dtype=torch.float64).to(tasks.device, tasks.dtype)
    x, e = draws[..., :d], draws[..., d]
    return Contexts(x, (x @ tasks[..., None])[..., 0] + math.sqrt(noise) * e, tasks)


def draw_tasks(count: int, d: int, generator: torch.Generator) -> Tensor:
    """New tasks.  Shape [count, d]."""
    return torch.randn(count, d, generator=generator, dtype=torch.float64) / math.sqrt(d)


def squared_errors(estimate: Tensor, tasks: Tensor) -> Tensor:
    """`|w_hat - w|^2`, the mean over queries of the squared error.  Shape [..., B]."""
    return (estimate - tasks).square().sum(-1)


def ridge_estimates(contexts: Contexts, length: int, ridge: float) -> Tensor:
    r"""Ridge regression on the first pairs of each context, $(X^T X + \delta)^{-1} X^T y$.

    The posterior mean under the prior of the tasks is the one with $\delta = d \sigma^2$.

    Args:
        contexts: Of at least this length.
        length: Pairs used.
        ridge: `delta`.

    Returns:
        Shape [B, d].
    """
    x, y = contexts.x[:, :length], contexts.y[:, :length, None]
    eye = torch.eye(x.shape[-1], dtype=x.dtype, device=x.device)
    return torch.cholesky_solve(x.mT @ y, torch.linalg.cholesky(x.mT @ x + ridge * eye))[..., 0]


def discrete_estimates(contexts: Contexts, tasks: Tensor, noise: float) -> Tensor:
    r"""Posterior mean under a uniform prior on a list of tasks, $\sum_j p_j w_j$,
    $p_j \propto \exp(-\lVert y - X w_j \rVert^2 / 2 \sigma^2)$.

    Args:
        contexts: Shape [B, l, d].
        tasks: The list.  Shape [k, d].
        noise: `sigma^2 > 0`.

    Returns:
        Shape [B, d].
    """  # noqa: D205
    gram, moment = contexts.x.mT @ contexts.x, (contexts.x.mT @ contexts.y[..., None])[..., 0]
    quadratic = torch.einsum("kd,bde,ke->bk", tasks, gram, tasks)
    return torch.softmax((moment @ tasks.T - quadratic / 2) / noise, dim=1) @ tasks


class LinearAttention(torch.nn.Module):
    r"""One layer of linear attention, several members of one shape side by side.

    Tokens $z_i = (x_i, y_i)$, the query $z = (x, 0)$. The query attends to the context, and the last component of the
    values is the answer: $\frac 1 l \sum_i (v \cdot z_i) (z_i^T Q x) = \hat w \cdot x$,
    $\hat w = Q^T S v$, $S = \frac 1 l \sum_i z_i z_i^T$. ($Q$ is the product of key and query matrices.) Members do not
    share weights: one optimizer trains them as if alone.

    Args:
        members: Number of layers.
        d: Dimension of x.
        generator: Of the CPU; draws the weights.
        dtype: Of the weights.
    """

    def __init__(self, members: int, d: int, generator: torch.Generator, dtype: torch.dtype) -> None:
        super().__init__()
        draws = torch.randn(members, d + 1, d + 1, generator=generator, dtype=torch.float64) / math.sqrt(d + 1)
        self.keys = torch.nn.Parameter(0.5 * draws[:, :, :d].to(dtype))  # Q: [members, d + 1, d]
        self.values = torch.nn.Parameter(0.5 * draws[:, :, d:].to(dtype))  # v: [members, d + 1, 1]

    def forward(self, moments: Tensor) -> Tensor:
        """The estimates.

        Args:
            moments: `S` of each context, for each member.  Shape [members, B, d + 1, d + 1].

        Returns:
            Shape [members, B, d].
        """
        return (moments @ self.values[:, None])[..., 0] @ self.keys

    def combined(self) -> Tensor:
        """`Gamma = v_y Q_x^T`, what each member applies to `sum_i y_i x_i / l`.  Shape [members, d, d]."""
        d = self.keys.shape[-1]
        return self.values[:, d][..., None] * self.keys[:, :d].mT

    def effective_steps(self) -> Tensor:
        """The factor `gamma` that each member has learned, `tr(Gamma) / d`.  Shape [members]."""
        return self.combined().diagonal(dim1=-2, dim2=-1).mean(-1)


def prefix_moments(contexts: Contexts, lengths: list[int]) -> Tensor:
    """`S` of the first l pairs of each context, for several l.

    Args:
        contexts: Of at least the largest length.
        lengths: Ascending.

    Returns:
        Shape [lengths, B, d + 1, d + 1].
    """
    z = torch.cat([contexts.x, contexts.y[..., None]], dim=-1)
    starts = [0, *lengths[:-1]]
    parts = [z[:, a:b].mT @ z[:, a:b] for a, b in zip(starts, lengths, strict=True)]
    sums = torch.stack(parts).cumsum(0)
    return sums / torch.tensor(lengths, dtype=z.dtype, device=z.device)[:, None, None, None]


def train_attention(
    model: LinearAttention, lengths: list[int], noise: float, batch: int, rates: list[float], generator: torch.Generator
) -> Iterator[float]:
    """Train one member for each context length on new tasks, by Adam on the mean squared error.

    All members see the same contexts, cut at their lengths.

    Args:
        model: With one member a length.
        lengths: Ascending.
        noise: `sigma^2`.
        batch: New contexts a step.
        rates: Step size of each step.
        generator: Of the CPU.

    Yields:
        The loss before each step, mean over the members.
    """
    d = model.keys.shape[-1]
    optimizer = torch.optim.Adam(model.parameters(), lr=rates[0])
    for rate in rates:
        optimizer.param_groups[0]["lr"] = rate
        tasks = draw_tasks(batch, d, generator).to(model.keys)
        contexts = draw_contexts(tasks, lengths[-1], noise, generator)
        loss = squared_errors(model(prefix_moments(contexts, lengths)), tasks).mean(1)
        optimizer.zero_grad()
        loss.sum().backward()
        optimizer.step()
        yield float(loss.detach().mean())


def train_on_lists(
    gamma: Tensor, lists: list[Tensor], length: int, noise: float, batch: int, rates: list[float],
    generator: torch.Generator,
) -> Iterator[float]:  # fmt: skip
    r"""Train $\hat w = \Gamma \, \frac 1 l \sum_i y_i x_i$ on tasks from finite lists, by Adam; one member a list.

    All members see the same inputs and the same noise, each with tasks of its own list.

    Args:
        gamma: `Gamma`, changed in place; requires a gradient.  Shape [members, d, d].
        lists: The tasks.  Shapes [k, d], one a member.
        length: `l`.
        noise: `sigma^2`.
        batch: New contexts a step.
        rates: Step size of each step.
        generator: Of the CPU.

    Yields:
        The loss before each step, mean over the members.
    """
    d = gamma.shape[-1]
    sizes = torch.tensor([len(tasks) for tasks in lists])[:, None]
    starts = torch.cat([torch.zeros(1, 1, dtype=torch.long), sizes[:-1].cumsum(0)])
    every = torch.cat(lists)
    optimizer = torch.optim.Adam([gamma], lr=rates[0])
    for rate in rates:
        optimizer.param_groups[0]["lr"] = rate
        inputs = draw_contexts(torch.zeros(batch, d, dtype=gamma.dtype, device=gamma.device), length, noise, generator)
        shares = torch.rand(len(lists), batch, generator=generator, dtype=torch.float64)
        tasks = every[(starts + (shares * sizes).long()).to(every.device)]  # [members, batch, d]
        gram = inputs.x.mT @ inputs.x / length
        moment = (gram @ tasks[..., None])[..., 0] + (inputs.x.mT @ inputs.y[..., None])[..., 0] / length
        loss = squared_errors(moment @ gamma.mT, tasks).mean(1)
        optimizer.zero_grad()
        loss.sum().backward()
        optimizer.step()
        yield float(loss.detach().mean())


def cosine(rate: float, steps: int) -> list[float]:
    """Step sizes that fall from `rate` to zero along a half cosine."""
    return [rate * (1 + math.cos(math.pi * step / steps)) / 2 for step in range(steps)]
