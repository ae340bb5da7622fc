"""What the study of broken power laws measures and claims."""

from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np

from baselines.common.claims import Claim
from baselines.scaling_law.bootstrap import Array, interval
from baselines.scaling_law.broken_law import BrokenFit, BrokenLaw, rmsle
from baselines.scaling_law.parametric_fit import FitStatus

if TYPE_CHECKING:
    from baselines.scaling_law.studies.broken import Study

SOURCE = "Caballero et al. 2023, arXiv:2210.14891, and their program, run again as this project's own code"
SAME = 1.001  # two searches that reach one optimum differ by their tolerances


class Found(NamedTuple):
    """Everything the fits gave; points ascending in x."""

    x: Array
    y: Array
    fitted: int
    """The first points, which the fits see."""
    fits: dict[str, list[BrokenFit]]
    """Of each variant, best first."""
    reference: BrokenLaw | None
    resampled: list[BrokenFit]
    redrawn: int
    """Resamples with too few different points."""

    def heldout(self, law: BrokenLaw) -> float:
        """Root mean squared error of log y on the points that were held out."""
        return rmsle(law, self.x[self.fitted :], self.y[self.fitted :])

    def train(self, law: BrokenLaw) -> float:
        """The same on the fitted points."""
        return rmsle(law, self.x[: self.fitted], self.y[: self.fitted])

    def objective(self, law: BrokenLaw) -> float:
        """Root mean squared error of log(1 + y) on the fitted points, which the authors minimise."""
        x, y = self.x[: self.fitted], self.y[: self.fitted]
        return float(np.sqrt(np.mean((np.log1p(law(x)) - np.log1p(y)) ** 2)))


def metrics(study: "Study", found: Found) -> dict[str, float]:
    """Errors of every law, the parameters of the main one with 95 % intervals, how the solver ended."""
    values: dict[str, float] = {}
    main = found.fits[f"broken_{study.objective}"]
    for name, fits in found.fits.items():
        values |= {f"rmsle_heldout_{name}": found.heldout(fits[0].law), f"rmsle_train_{name}": found.train(fits[0].law)}
    if found.reference is not None:
        values["rmsle_heldout_reference"] = found.heldout(found.reference)
        values["rmsle_train_reference"] = found.train(found.reference)
    spread = np.array([found.heldout(fit.law) for fit in found.resampled])
    values["rmsle_heldout_low"], values["rmsle_heldout_high"] = interval(spread[np.isfinite(spread)], 0.95)
    named = [fit.law.named for fit in found.resampled]
    for name, value in main[0].law.named.items():
        low, high = interval(np.array([one[name] for one in named]), 0.95)
        values |= {name: value, f"{name}_low": low, f"{name}_high": high}
    return values | {
        "largest_cosine": main[0].gradient,
        "starts_reaching_optimum": sum(fit.rmsle < main[0].rmsle * (1 + 1e-6) for fit in main) / len(main),
        "bootstraps_unconverged": float(sum(fit.status is FitStatus.STOPPED for fit in found.resampled)),
        "bootstraps_drawn_again": float(found.redrawn),
        "heldout_inside_band": float(np.mean(_inside(found))),
        "points_fitted": float(found.fitted),
    }


def curves(study: "Study", found: Found) -> dict[str, Any]:
    """Points, laws on a dense axis and at the points, bootstrap bands."""
    line = np.geomspace(found.x[0], found.x[-1] * 1.3, 200)
    saved: dict[str, Any] = {"x": found.x, "y": found.y, "fitted": np.array(found.fitted), "line_x": line}
    laws = {name: fits[0].law for name, fits in found.fits.items()}
    laws["broken"] = laws[f"broken_{study.objective}"]
    if found.reference is not None:
        laws["reference"] = found.reference
    for name, law in laws.items():
        saved[f"line_{name}"], saved[f"at_{name}"] = law(line), law(found.x)
    for place, x in (("line", line), ("at", found.x)):
        low, high = np.percentile([fit.law(x) for fit in found.resampled], [2.5, 97.5], axis=0)
        saved |= {f"{place}_low": low, f"{place}_high": high}
    return saved


def rows(study: "Study", found: Found) -> dict[str, list[Any]]:
    """One row a law, for `runs.csv`."""
    table: dict[str, list[Any]] = {
        name: [] for name in ("law", "parameters", "rmsle_fitted", "rmsle_heldout", "status", "largest_cosine")
    }
    best: list[tuple[str, BrokenLaw, str, Any]] = [
        (name, fits[0].law, fits[0].status.value, fits[0].gradient) for name, fits in found.fits.items()
    ]
    if found.reference is not None:
        best.append(("reference", found.reference, "", ""))
    for name, law, status, gradient in best:
        count = len(law.theta) - (name == "power")
        cells = (name, count, found.train(law), found.heldout(law), status, gradient)
        for column, cell in zip(table.values(), cells, strict=True):
            column.append(cell)
    return table


def claims(study: "Study", found: Found) -> list[Claim]:
    """That the fit converged, for any table; the authors' result for their table."""
    main = found.fits[f"broken_{study.objective}"][0]
    general = Claim(
        "broken.converged",
        f"the best of {study.starts} starts is a minimum: largest cosine between the residual and its derivatives",
        0.0, None, 1e-5, main.gradient, "first-order condition",
    )  # fmt: skip
    return [general, *_published(found)] if study.is_published and found.reference is not None else [general]


def _published(found: Found) -> list[Claim]:
    assert found.reference is not None
    own, plain = found.fits["broken_log1p"][0].law, found.fits["broken_log"][0].law
    reference = found.heldout(found.reference)
    power = found.heldout(found.fits["power_constant"][0].law)
    setting = "4-digit addition, one break, 14 points fitted, the 3 largest held out"
    return [
        Claim(
            "broken.objective",
            f"the many starts find no worse a fit than the authors' grid and local search: ratio of the root mean "
            f"squared errors of log(1 + y) on the fitted points ({setting})",
            1.0, None, 1 + 1e-6, found.objective(own) / found.objective(found.reference), SOURCE,
        ),
        Claim(
            "broken.heldout",
            f"error of log y on the held-out points over that of the authors' procedure, same objective log(1 + y) "
            f"({setting})",
            1.0, None, SAME, found.heldout(own) / reference, SOURCE,
        ),
        Claim(
            "broken.heldout_log",
            f"the same with the objective log y ({setting})",
            1.0, None, SAME, found.heldout(plain) / reference, SOURCE,
        ),
        Claim(
            "broken.break",
            f"the break is needed: error of log y on the held-out points over that of a power law with a constant "
            f"({setting})",
            None, None, 0.5, found.heldout(own) / power, f"{SOURCE}; the band is this project's",
        ),
    ]  # fmt: skip


def _inside(found: Found) -> Array:
    """Whether each held-out point lies in the bootstrap band of the law."""
    laws = [fit.law(found.x[found.fitted :]) for fit in found.resampled]
    low, high = np.percentile(laws, [2.5, 97.5], axis=0)
    y = found.y[found.fitted :]
    return np.asarray((low <= y) & (y <= high))
