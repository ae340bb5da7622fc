"""Zhang et al. (2021): the landscape of a wide network contains all critical points of the narrower ones."""

from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, ClassVar

import numpy as np

from baselines.common import compute
from baselines.common.claims import Claim
from baselines.common.config import check_at_least
from baselines.common.errors import UserError
from baselines.common.record import Outcome, Record

if TYPE_CHECKING:
    from baselines.loss_landscape.config import Config
    from baselines.loss_landscape.critical_points import CriticalPoint, TwoLayer
    from baselines.loss_landscape.embedding import Check

ZHANG = "Zhang et al. 2021 (arXiv:2105.14573, 2111.15527)"
DERIVED = "Sylvester's law of inertia, docs/landscape_geometry.md"
GRID = np.linspace(-1, 2, 61)  # shares of the first copy at which the curvature is compared; 0 and 1 are among them
NOISE = (1e-5, 1e-6)  # size of the perturbations of the embedded minimum from which gradient flow starts
DROP = 0.01  # relative decrease of the loss that counts as having left it
CONDENSED = 0.01  # initial weights of this size or smaller count as small
ENOUGH_TIME, ENOUGH_UNITS, TRIED_UNITS = 1e3, 20, 50  # outside of these the claims about small weights are not measured


@dataclass
class Case:
    """One embedding of one critical point."""

    bias: bool
    width: int
    wide: int
    """Width of the network that it is embedded in."""
    rank: int
    """0 for the lowest critical point of its width."""
    loss: float
    kind: str
    share: float
    """Of the first copy of a one-step split, else NaN."""
    splits: int
    check: "Check"


@dataclass
class Probe:
    """Embedding principle: critical points of narrow networks are critical points of wide ones, as predicted.

    A unit (a, u) is split into (s a, u) and ((1 - s) a, u): same function, zero gradient, and the Hessian gains the
    eigenvalue 0 and the signs of s (1 - s) B, B = a <e tanh''(u.x) x x'>. Data: y = sin 3x + 0.5 cos 7x, 40 points.
    Wide networks with small initial weights then show which of these points gradient flow visits.
    """

    USES: ClassVar[tuple[str, ...]] = ()
    BUDGETS: ClassVar[dict[str, dict[str, Any]]] = {
        "smoke": {"widths": 2, "starts": 40, "repeats": 2, "wide": 6, "init_scales": [0.01], "horizon": 100.0},
        "paper": {"widths": 4, "starts": 4000, "repeats": 20, "init_scales": [0.1, 0.01, 0.001, 0.0001]},
    }

    widths: int = 3  # critical points of networks with 1 to so many units are embedded
    starts: int = 400  # random starts of the search for them, for each width
    shares: list[float] = field(default_factory=lambda: [-0.7, 0.3, 0.5, 1.9])  # of the first copy, in one-step splits
    steps: int = 3  # splits one after another in a repeated one
    repeats: int = 5  # repeated splits of each critical point
    copies: int = 3  # equal copies of the unit whose escape is timed
    wide: int = 50  # units of the networks that are trained
    init_scales: list[float] = field(default_factory=lambda: [0.1, 0.01, 0.001])  # std of their initial weights
    horizon: float = 1e5  # time of gradient flow

    def __post_init__(self) -> None:
        """Check the keys."""
        lows = {"widths": 1, "starts": 20, "steps": 1, "repeats": 0, "copies": 2, "wide": 2, "horizon": 1}
        for key, low in lows.items():
            check_at_least(f"probe.{key}", getattr(self, key), low)
        if not self.shares or any(share in (0, 1) for share in self.shares):
            raise ValueError(
                f"probe.shares must be numbers other than 0 and 1, where B does not count; got {self.shares}"
            )
        if not self.init_scales or min(self.init_scales) <= 0:
            raise ValueError(f"probe.init_scales must be positive numbers; got {self.init_scales}")

    def skip(self, cfg: "Config") -> str | None:
        """Refuse single precision."""
        if cfg.dtype == "float32":
            return "probe=embedding compares at rounding error of float64; take dtype=float64"
        return None

    def run(self, cfg: "Config", record: Record) -> Outcome:
        """Find critical points, embed them, and let wide networks look for them."""
        from baselines.loss_landscape.critical_points import TwoLayer, find
        from baselines.loss_landscape.tasks.curve1d import Task

        rng = compute.numpy_generator(cfg.seed, "critical points")
        x, y = (array[:, 0] for array in Task().train(cfg))
        curve, free = TwoLayer.curve(x, y), TwoLayer.curve(x, y, bias=False)
        with record.timed("search"):
            points = self._search(curve, rng)
            points_free = {1: find(free, 1, self.starts, rng)}
        with record.timed("embedding"):
            cases = [*self._embed(curve, points, True, rng), *self._embed(free, points_free, False, rng)]
            curvature = max(self._scan(record, "bias", curve, points), self._scan(record, "free", free, points_free))
        record.save(**_arrays(points, points_free, cases))
        with record.timed("flow"):
            metrics = self._flows(cfg, record, curve, points) | self._escape(cfg, record, curve, points)
        metrics |= _summary(points, cases) | {"curvature_error": curvature}
        return Outcome(metrics, claims(self, metrics), curve.size(self.wide))

    def _search(self, problem: "TwoLayer", rng: np.random.Generator) -> dict[int, list["CriticalPoint"]]:
        """Critical points of each width; those of a wider network are also looked for near embedded ones."""
        from baselines.loss_landscape.critical_points import find
        from baselines.loss_landscape.embedding import embed, one_split

        points: dict[int, list[CriticalPoint]] = {}
        for width in range(1, self.widths + 1):
            around = [
                embed(problem, point.theta, one_split(width - 1, unit, share))
                for point in points.get(width - 1, [])
                for unit in range(width - 1)
                for share in self.shares
            ]
            points[width] = find(problem, width, self.starts, rng, around)
        if not points[1]:
            raise UserError("the search found no critical point of width 1; take more starts, probe.starts=400")
        return points

    def _embed(
        self, problem: "TwoLayer", points: dict[int, list["CriticalPoint"]], bias: bool, rng: np.random.Generator
    ) -> list[Case]:
        """Every embedding of every point."""
        from baselines.loss_landscape.embedding import check

        cases = []
        every = [(width, *numbered) for width in points for numbered in enumerate(points[width])]
        for width, rank, point in every:
            for kind, share, shares, null in self._kinds(problem, width, point, rng):
                done = check(problem, point.theta, shares, null)
                splits = sum(map(len, shares)) - width
                cases.append(Case(bias, width, width + splits + len(null), rank, point.loss, kind, share, splits, done))
        return cases

    def _kinds(
        self, problem: "TwoLayer", width: int, point: "CriticalPoint", rng: np.random.Generator
    ) -> Iterator[tuple[str, float, Any, Any]]:
        """Name, share, shares of all units and null units of each embedding of a point."""
        from baselines.loss_landscape.embedding import null_direction, one_split, repeated_split

        for unit in range(width):
            for share in self.shares:
                yield "split", share, one_split(width, unit, share), []
            yield "zero share", 1.0, one_split(width, unit, 1.0), []
        whole, nothing = [(1.0,)] * width, np.zeros(problem.inputs.shape[1])
        yield "null, v = 0", np.nan, whole, [nothing]
        direction = null_direction(problem, point.theta, rng)
        if direction is not None:
            yield "null, other v", np.nan, whole, [direction]
            yield "general", np.nan, [(0.5, 1.5, -1.0)] * width, [direction, nothing]
        for _ in range(self.repeats):
            yield "repeated", np.nan, repeated_split(width, self.steps, rng), []

    def _scan(self, record: Record, name: str, problem: "TwoLayer", points: dict[int, list["CriticalPoint"]]) -> float:
        """Curvature along the splitting direction of the lowest minimum of width 1, for many shares; largest error."""
        from baselines.loss_landscape import embedding

        theta = points[1][0].theta
        inner = problem.inner_hessians(theta)[0]
        values, vectors = np.linalg.eigh(inner)
        measured = np.empty((len(GRID), len(values)))
        for i, share in enumerate(GRID):
            H = problem.hessian(embedding.embed(problem, theta, embedding.one_split(1, 0, share)))
            for k, v in enumerate(vectors.T):
                d = embedding.splitting_direction(problem, theta, 0, share, v)
                measured[i, k] = d @ H @ d
        predicted = np.stack([embedding.splitting_curvature(inner, GRID, v) for v in vectors.T], axis=1)
        record.save(**{f"scan_{name}.measured": measured, f"scan_{name}.predicted": predicted, "scan.share": GRID})
        record.save(**{f"scan_{name}.inner_eigenvalues": values})
        return float((np.abs(measured - predicted).max(axis=0) / np.abs(values)).max())

    def _flows(
        self, cfg: "Config", record: Record, curve: "TwoLayer", points: dict[int, list["CriticalPoint"]]
    ) -> dict[str, float]:
        """Gradient flow of wide networks from small weights: how far their plateaus are from narrow ones."""
        from baselines.loss_landscape.critical_points import TwoLayer, find
        from baselines.loss_landscape.plateaus import gradient_flow, nearest, plateaus, two_steps

        steps = TwoLayer.curve(*two_steps())
        rng = compute.numpy_generator(cfg.seed, "steps")
        levels = {"curve": _levels(curve, points), "steps": _levels(steps, {1: find(steps, 1, self.starts, rng)})}
        problems = {"curve": curve, "steps": steps}
        record.save(**{f"levels_{name}.loss": values for name, values in levels.items()})
        draw = compute.numpy_generator(cfg.seed, "init").standard_normal(curve.size(self.wide))
        draw[-1] = 0  # the output bias starts at zero
        metrics = {}
        with record.progress(2 * len(self.init_scales), "gradient flow") as tick:
            for name, problem, scale in ((n, p, s) for n, p in problems.items() for s in self.init_scales):
                flow = gradient_flow(problem, scale * draw, self.horizon)
                at = plateaus(flow.gradients)
                _keep(record, f"flow_{name}_{scale:g}", flow)
                tick(1, loss=float(flow.losses[-1]))
                for width, level in enumerate(levels[name]):
                    if name == "curve" or width:  # the two steps are odd: their output bias has nothing to do
                        metrics[f"{name}_width{width}_{scale:g}"] = nearest(flow.losses[at], level)
        return metrics

    def _escape(
        self, cfg: "Config", record: Record, curve: "TwoLayer", points: dict[int, list["CriticalPoint"]]
    ) -> dict[str, float]:
        """Gradient flow from next to an embedded minimum: how long it stays, and where it goes then."""
        from baselines.loss_landscape.embedding import embed
        from baselines.loss_landscape.plateaus import escape_time, gradient_flow, nearest, plateaus

        theta = points[1][0].theta
        rate = -float(np.linalg.eigvalsh(curve.inner_hessians(theta)[0])[0]) / self.copies
        start = embed(curve, theta, [(1 / self.copies,) * self.copies])
        direction = compute.numpy_generator(cfg.seed, "noise").standard_normal(len(start))
        first, second = escape_time(curve, start, NOISE, direction, 100 / rate, DROP)
        flow = gradient_flow(curve, start + NOISE[0] * direction, 100 / rate, rtol=1e-8, atol=1e-13)
        _keep(record, "flow_escape", flow)
        metrics = {
            "escape_rate_predicted": rate,
            "escape_rate_measured": float(np.log(NOISE[0] / NOISE[1]) / (second - first)),
        }
        if points.get(2):
            later = plateaus(flow.gradients)
            metrics["escape_width2"] = nearest(flow.losses[later[flow.times[later] > first]], points[2][0].loss)
        return metrics


def _keep(record: Record, name: str, flow: Any) -> None:
    """Store a trajectory, and where its plateaus are."""
    from baselines.loss_landscape.plateaus import plateaus

    curves = {"time": flow.times, "loss": flow.losses, "gradient_norm": flow.gradients}
    record.save(**{f"{name}.{key}": values for key, values in curves.items()})
    record.save(**{f"{name}.plateau": plateaus(flow.gradients)})


def _levels(problem: "TwoLayer", points: dict[int, list["CriticalPoint"]]) -> list[float]:
    """Lowest critical value of width 0, which fits the skipping features only, of width 1, 2, ..., up to 2."""
    from baselines.loss_landscape.critical_points import minimise

    constant = minimise(problem, np.zeros((1, problem.size(0))))
    return [
        float(problem.loss(constant)[0]),
        *(found[0].loss for width, found in points.items() if found and width < 3),
    ]


def _summary(points: dict[int, list["CriticalPoint"]], cases: list[Case]) -> dict[str, float]:
    """Numbers of the embeddings."""
    checks = [case.check for case in cases]
    splits = [case for case in cases if case.kind in ("split", "repeated")]
    minima = [case for case in splits if case.check.before.negative == 0]
    free = [(case.share, case.check.after.negative) for case in cases if not case.bias and case.kind == "split"]
    inside = [negative for share, negative in free if 0 < share < 1]
    outside = [negative for share, negative in free if not 0 < share < 1]
    found = {f"loss_width{width}": own[0].loss for width, own in points.items() if own}
    found |= {"negative_inside": float(max(inside))} if inside else {}
    found |= {"negative_outside": float(min(outside))} if outside else {}
    return found | {
        "points": float(sum(map(len, points.values()))),
        "embeddings": float(len(cases)),
        "narrow_gradient": max(point.gradient for own in points.values() for point in own),
        "loss_change": max(check.loss_change for check in checks),
        "gradient": max(check.gradient for check in checks),
        "decreases": float(sum(check.decreases for check in checks)),
        "wrong_inertia": float(sum(check.after != check.predicted for check in checks)),
        "extra_zeros": float(max(abs(c.check.after.zero - c.check.before.zero - c.splits) for c in splits)),
        "least_negative": float(min(case.check.after.negative for case in minima if case.bias)),
        "largest_zero": max(check.zero for check in checks),
        "smallest_nonzero": min(check.nonzero for check in checks),
    }


def _arrays(
    points: dict[int, list["CriticalPoint"]], free: dict[int, list["CriticalPoint"]], cases: list[Case]
) -> dict[str, Any]:
    """What tables and figures need, one entry a critical point and one a case."""
    every = [(True, width, point) for width in points for point in points[width]]
    every += [(False, width, point) for width in free for point in free[width]]
    arrays: dict[str, Any] = {
        "point.bias": [bias for bias, _, _ in every],
        "point.width": [width for _, width, _ in every],
        "point.loss": [point.loss for _, _, point in every],
    }
    for key in ("bias", "width", "wide", "rank", "loss", "kind", "share", "splits"):
        arrays[f"case.{key}"] = [getattr(case, key) for case in cases]
    for key in ("loss_change", "gradient", "before", "after", "predicted"):
        arrays[f"case.{key}"] = [getattr(case.check, key) for case in cases]
    return arrays


def claims(probe: Probe, metrics: dict[str, float]) -> list[Claim]:
    """What the numbers say about the predictions."""
    setting = f"all embeddings of critical points of width 1 to {probe.widths} of a curve with 40 points"
    given = ", ".join(f"{share:g}" for share in probe.shares)

    def claim(name: str, statement: str, predicted: float | None, low: float | None, high: float | None,
              measured: float | None, source: str = DERIVED) -> Claim:  # fmt: skip
        return Claim(f"landscape.embedding.{name}", statement, predicted, low, high, measured, source)

    rate = metrics["escape_rate_measured"] / metrics["escape_rate_predicted"]
    return [
        claim("loss", f"largest change of the loss, {setting}", 0.0, None, 1e-14, metrics["loss_change"], ZHANG),
        claim("gradient", f"largest norm of the gradient, {setting}", 0.0, None, 1e-10, metrics["gradient"], ZHANG),
        claim("monotone", f"counts of negative, zero or positive eigenvalues that decrease, {setting}",
              0.0, None, 0.0, metrics["decreases"], ZHANG),
        claim("zeros", "difference between new zero eigenvalues and number of splits, largest of all splits with shares"
              " other than 0 and 1", 0.0, None, 0.0, metrics["extra_zeros"]),
        claim("inertia", "embeddings whose numbers of negative, zero and positive eigenvalues are not those predicted"
              f" from the narrow network, {setting}", 0.0, None, 0.0, metrics["wrong_inertia"]),
        claim("curvature", "curvature in which two copies of the unit of width 1 separate, against s(1-s) v'Bv /"
              " ((1-s)^2 + s^2): largest error for shares s from -1 to 2, relative to v'Bv",
              0.0, None, 1e-8, metrics["curvature_error"]),
        claim("strict_saddle", "units with biases: negative eigenvalues after splitting a minimum, least number"
              f" (shares {given} and repeated splits)", None, 1.0, None, metrics["least_negative"], ZHANG),
        claim("still_minimum", "unit without bias, B > 0: most negative eigenvalues after splitting the minimum of"
              " width 1 with a share between 0 and 1", 0.0, None, 0.0, metrics.get("negative_inside")),
        claim("saddle_outside", "unit without bias, B > 0: least number of negative eigenvalues after splitting the"
              " minimum of width 1 with a share outside", 1.0, 1.0, 1.0, metrics.get("negative_outside")),
        claim("escape", f"rate at which gradient flow leaves the minimum of width 1, split into {probe.copies} equal"
              f" copies, over -(lowest eigenvalue of B)/{probe.copies}; times after perturbations of 1e-5 and 1e-6",
              1.0, 0.98, 1.02, rate),
        claim("visits_width_2", "gradient flow of 3 units from next to the minimum of width 1, split in 3, passes a"
              " plateau (least norm of the gradient) at the critical loss of width 2 (curve with 40 points): distance",
              0.0, None, 0.01, metrics.get("escape_width2") if probe.copies == 3 else None, ZHANG),
        *_visits(probe, metrics, claim),
    ]  # fmt: skip


def _visits(probe: Probe, metrics: dict[str, float], claim: Any) -> list[Claim]:
    """Small initial weights only, and widths that were tried."""
    small = [scale for scale in probe.init_scales if scale <= CONDENSED]
    due = bool(small) and probe.horizon >= ENOUGH_TIME and ENOUGH_UNITS <= probe.wide <= TRIED_UNITS
    said = (
        f"gradient flow of {probe.wide} units from weights of size {CONDENSED} and below passes a plateau (least norm"
        " of the gradient) at the critical loss of width {}, {}: largest relative distance"
    )

    def distance(name: str) -> float | None:
        found = [metrics[key] for key in (f"{name}_{scale:g}" for scale in small) if key in metrics]
        return max(found) if due and found else None

    return [
        claim(
            "visits_width_0", said.format(0, "curve with 40 points"), 0.0, None, 0.01, distance("curve_width0"), ZHANG
        ),
        claim("visits_width_1", said.format(1, "two equal steps"), 0.0, None, 0.01, distance("steps_width1"), ZHANG),
    ]
