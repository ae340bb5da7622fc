"""What the matching study measures and claims: one row a law, with its formula, theory and simulation."""

from typing import TYPE_CHECKING, NamedTuple

from baselines.common.claims import Claim

if TYPE_CHECKING:
    from baselines.scaling_law.matching_law import Task
    from baselines.scaling_law.power_laws import Exponent

DERIVED = "balance of resolved modes, docs/scaling_law.md"
FLOW = "exact theory of gradient flow, docs/scaling_law.md (mean field: Bordelon et al. 2024, arXiv:2402.01092)"
RIDGE = "Defilippis et al. 2024, arXiv:2405.15699; Simon et al. 2023, arXiv:2311.14646"
POINTS_BAND, THEORY_BAND, LOSS_BAND = 0.07, 0.03, 0.02
FEWEST = {"data_easy": 50, "projection": 50}  # draws that a band as narrow as theirs needs; the table pools its runs

SAYS = {
    "data": "error ~ n^-x without noise, features and time unlimited",
    "parameters": "error ~ p^-x, data and time unlimited",
    "online_loss": "smallest error ~ C^-x at compute C = p t",
    "online_parameters": "optimal p ~ C^x at compute C = p t",
    "full_batch_loss": "smallest error ~ C^-x at compute C = p n t",
    "matching_parameters": "optimal p ~ delta^-x where C = p n t is best spent",
    "matching_data": "optimal n ~ delta^-x where C = p n t is best spent",
    "stopping_time": "with label noise it is best to stop at t* ~ n^x",
    "excess": "error at t*, above the noise, ~ n^-x",
    "learning_quality": "gradient norm at t*, below which one should not train, delta* ~ n^-x",
}


class Law(NamedTuple):
    """One exponent."""

    name: str
    """Key of `SAYS`."""
    which: str
    """Name of the task: hard, harder or easy."""
    task: "Task"
    formula: float
    theory: float
    """Slope of the exact theory at large sizes, with the sign of the formula."""
    reach: str
    """Sizes of that slope."""
    measured: "Exponent | None"
    """Slope of simulated points, if the law is simulated."""
    expected: float | None
    """Slope of the theory at the simulated sizes."""
    sizes: str
    """The simulated sizes."""

    @property
    def key(self) -> str:
        """As in the names of metrics and claims."""
        return f"{self.name}_{self.which}"


class Checks(NamedTuple):
    """Comparisons that are not exponents."""

    features_deviation: float
    """Largest |measured / predicted - 1| of the optimal p, in %."""
    stopping_deviation: float
    """The same of the gradient norm at the optimal time, with label noise."""
    projection_deviation: float
    """Median |simulated / predicted - 1| of the error of the easy task with p features, in %."""


def metrics(laws: list[Law], checks: Checks) -> dict[str, float]:
    """Each law's slope in theory, `theory_`; at the simulated sizes, `expected_`; and measured, `exponent_`."""
    found: dict[str, float] = {}
    for law in laws:
        found[f"theory_{law.key}"] = law.theory
        if law.measured and law.expected is not None:
            found |= law.measured.metrics(law.key) | {f"expected_{law.key}": law.expected}
    return found | {
        "optimal_features_deviation_max_percent": checks.features_deviation,
        "optimal_delta_deviation_max_percent": checks.stopping_deviation,
        "projection_deviation_median_percent": checks.projection_deviation,
    }


def table(laws: list[Law]) -> dict[str, list[object]]:
    """One row a law: formula, theory and simulation; empty where a law is not simulated."""
    rows = [
        {
            "law": SAYS[law.name], "a": law.task.signal_decay, "b": law.task.decay, "formula": law.formula,
            "theory": law.theory, "theory_sizes": law.reach, "theory_at_simulated_sizes": law.expected,
            "simulated": law.measured and law.measured.value, "low": law.measured and law.measured.low,
            "high": law.measured and law.measured.high, "simulated_sizes": law.sizes if law.measured else None,
        }
        for law in laws
    ]  # fmt: skip
    return {name: ["" if row[name] is None else row[name] for row in rows] for name in rows[0]}


def claims(
    laws: list[Law], checks: Checks, theory_counts: bool, points_count: bool, easy_draws: int, setting: str
) -> list[Claim]:
    """A claim on the theory of every law, one on every simulated exponent, and the checks.

    Args:
        laws: The exponents.
        checks: The other comparisons.
        theory_counts: Whether the theory was followed far enough for its slopes to be claimed.
        points_count: Whether sizes and draws suffice for the measured ones.
        easy_draws: Draws of the easy task.
        setting: Of the simulation, for the statements.
    """
    found = []
    for law in laws:
        where = f"a = {law.task.signal_decay:g}, b = {law.task.decay:g}"
        band = LOSS_BAND if law.name.endswith("_loss") else THEORY_BAND
        found.append(
            Claim(
                f"matching.theory_{law.key}",
                f"exact theory, {SAYS[law.name]}: x ({where}; {law.reach})",
                law.formula, law.formula - band, law.formula + band, law.theory if theory_counts else None, DERIVED,
            )
        )  # fmt: skip
        if law.measured:
            found.append(
                Claim(
                    f"matching.exponent_{law.key}",
                    f"{SAYS[law.name]}: x, simulated ({where}; {law.sizes}, {setting})",
                    law.formula, law.formula - POINTS_BAND, law.formula + POINTS_BAND,
                    law.measured.value if points_count and easy_draws >= FEWEST.get(law.key, 0) else None, DERIVED,
                )
            )  # fmt: skip
    by_key = {law.key: law for law in laws}
    return [*found, *_checks(by_key, checks, points_count, easy_draws, setting)]


def _checks(laws: dict[str, Law], checks: Checks, points_count: bool, easy_draws: int, setting: str) -> list[Claim]:
    """The claims that are not on an exponent's value."""
    easy, hard, data = laws["parameters_easy"], laws["online_parameters_hard"], laws["data_easy"]
    assert easy.measured and data.measured and data.expected is not None
    where = f"a = {easy.task.signal_decay:g}, b = {easy.task.decay:g}"
    common = easy.task.data  # min(a - 1, 2 b), the exponent of the data, which is often printed for p as well

    def measured(value: float, key: str = "") -> float | None:
        return value if points_count and easy_draws >= FEWEST.get(key, 0) else None

    return [
        Claim(
            "matching.parameters_not_2b",
            f"the parameter exponent is min(a - 1, b) = {easy.formula:g}, not min(a - 1, 2 b) = {common:g}: upper end"
            f" of its 95 % interval, simulated ({where}; {easy.sizes}, {setting})",
            easy.formula, None, 0.999 * common, measured(easy.measured.high), DERIVED,
        ),
        Claim(
            "matching.projection",
            "error of the best function of p random features, simulated: median deviation from the theory in %"
            f" ({where}; {easy.sizes}, {setting})",
            0.0, None, 3.0, measured(checks.projection_deviation, "projection"), RIDGE,
        ),
        Claim(
            "matching.optimal_features",
            "optimal number of features at fixed compute C = p t, simulated: largest deviation from the theory in %"
            f" (a = {hard.task.signal_decay:g}, b = {hard.task.decay:g}; {hard.sizes}, {setting})",
            0.0, None, 20.0, measured(checks.features_deviation), FLOW,
        ),
        Claim(
            "matching.data_easy_at_sizes",
            "the theory has the same slope at the simulated numbers of data: simulated slope"
            f" ({where}; {data.sizes}, {setting})",
            data.expected, data.expected - POINTS_BAND, data.expected + POINTS_BAND,
            measured(data.measured.value, "data_easy"), RIDGE,
        ),
    ]  # fmt: skip
