"""One figure style for all topics, without pyplot's global state; Chinese labels where a font allows them.

Predictions are drawn as lines and measurements as points.
"""

import logging
from collections.abc import Callable
from functools import cache
from importlib import import_module
from pathlib import Path
from typing import Any

import matplotlib
import numpy as np
from cycler import cycler
from matplotlib import font_manager
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.figure import Figure

# Okabe-Ito colours, which readers with any kind of colour vision can tell apart.
COLORS = ["#0072B2", "#D55E00", "#009E73", "#CC79A7", "#E69F00", "#56B4E9", "#7A5195", "#8C564B"]
PREDICTION: dict[str, Any] = {"color": "black", "linestyle": "--", "linewidth": 1.2}

STYLE: Any = {
    "axes.axisbelow": True,
    "axes.grid": True,
    "axes.labelsize": 10,
    "axes.prop_cycle": cycler(color=COLORS),
    "axes.spines.right": False,
    "axes.spines.top": False,
    "axes.titlelocation": "left",
    "axes.titlesize": 11,
    "axes.unicode_minus": False,
    "figure.constrained_layout.use": True,
    "figure.dpi": 110,
    "font.size": 9.5,
    "grid.alpha": 0.25,
    "grid.linewidth": 0.6,
    "legend.fontsize": 8.5,
    "legend.frameon": False,
    "lines.linewidth": 1.4,
    "lines.markersize": 4.0,
    "pdf.fonttype": 42,
    "svg.fonttype": "none",
}

CHINESE_FONTS = (
    "Noto Sans CJK SC",
    "Noto Sans SC",
    "Source Han Sans SC",
    "Source Han Sans CN",
    "WenQuanYi Micro Hei",
    "WenQuanYi Zen Hei",
    "PingFang SC",
    "Microsoft YaHei",
)

log = logging.getLogger(__name__)


def one_module_an_option(
    package: str, folder: Path, group: str
) -> tuple[Callable[..., dict[str, Figure]], dict[str, str]]:
    """What a topic's `figures` package offers if each option of a group has a module of its own there.

    Args:
        package: Name of the `figures` package.
        folder: Where its modules lie.
        group: Group whose chosen option names the module that draws a record.

    Returns:
        `draw(view, text)`, which gives the main picture under "figure", and the Chinese words of all modules.
    """
    names = sorted(path.stem for path in folder.glob("*.py") if not path.stem.startswith("_"))
    modules = {name: import_module(f"{package}.{name}") for name in names}

    def draw(view: Any, text: Callable[[str], str]) -> dict[str, Figure]:
        return {"figure": modules[view.choices[group]].draw(view, text)}

    return draw, {label: word for module in modules.values() for label, word in module.ZH.items()}


def panels(
    ncols: int = 1, nrows: int = 1, *, width: float | None = None, height: float | None = None, **subplot_kw: Any
) -> tuple[Figure, np.ndarray]:
    """A figure in the house style and its axes.

    Args:
        ncols: Panels side by side.
        nrows: Panels one above the other.
        width: Of the figure in inches; 4.2 a panel unless given.
        height: Of the figure in inches; 3.3 a panel unless given.
        **subplot_kw: Passed to `Figure.subplots`.

    Returns:
        The figure and an object array of axes of shape (ncols,) or (nrows, ncols).
    """
    with matplotlib.rc_context(STYLE):
        figure = Figure(figsize=(width or 4.2 * ncols, height or 3.3 * nrows), layout="constrained")
        FigureCanvasAgg(figure)
        axes = figure.subplots(nrows, ncols, squeeze=False, **subplot_kw)
    return figure, axes[0] if nrows == 1 else axes


def drawn(draw: Callable[..., Any], *args: Any, lang: str = "en") -> Any:
    """Call a drawing function inside the house style, with a font for the language."""
    fonts = ["DejaVu Sans", chinese_font()] if lang == "zh" and chinese_font() else ["DejaVu Sans"]
    with matplotlib.rc_context(STYLE | {"font.family": fonts}):  # glyphs the first font lacks come from the second
        return draw(*args)


def save(figure: Figure, stem: Path, lang: str = "en", formats: tuple[str, ...] = ("pdf", "png")) -> None:
    """Write `<stem>.pdf`, then `<stem>.png`, each atomically."""
    from baselines.common.record import atomic  # here, because records do not need matplotlib

    def render() -> None:
        for form in formats:
            with atomic(stem.with_name(f"{stem.name}.{form}")) as stream:
                metadata = {"CreationDate": None} if form == "pdf" else {}
                figure.savefig(stream, format=form, dpi=150, metadata=metadata)

    drawn(render, lang=lang)


def translator(lang: str, catalogue: dict[str, str]) -> tuple[Callable[[str], str], str]:
    """The function that turns an English label into the label to draw, and the language really used.

    Without a Chinese font `zh` falls back to English, with one line of warning.

    Args:
        lang: `en` or `zh`.
        catalogue: English label to Chinese label.
    """
    if lang == "zh" and chinese_font() is None:
        log.warning('no Chinese font found, labels stay English; "pip install zhplot" (the extra zh) brings one')
        lang = "en"
    return (lambda label: catalogue.get(label, label)) if lang == "zh" else (lambda label: label), lang


@cache
def chinese_font() -> str | None:
    """Name of a font with Chinese glyphs: an installed one, else the one of the optional extra, else None."""
    installed = {font.name for font in font_manager.fontManager.ttflist}
    for name in CHINESE_FONTS:
        if name in installed:
            return name
    return _packaged_font()


def _packaged_font() -> str | None:
    """Register Noto Sans SC (Open Font License) from the package of the extra `zh`, if that is installed."""
    from importlib.metadata import PackageNotFoundError, files

    try:
        fonts = [file for file in files("zhplot") or [] if file.name == "NotoSansSC-Regular.ttf"]
    except PackageNotFoundError:
        return None
    for file in fonts:
        path = str(file.locate())
        font_manager.fontManager.addfont(path)
        return font_manager.FontProperties(fname=path).get_name()
    return None
