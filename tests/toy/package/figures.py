"""The figure of the toy topic."""

from baselines.common.plotting import PREDICTION, panels

ZH = {"step": "步数", "running total": "累计和"}


def draw(view, text):
    """Running total against step."""
    figure, (axis,) = panels()
    steps = view.curves["train.step"]
    axis.plot(steps, view.curves["train.total"], "o")
    axis.plot(steps, 0.5 * (steps + 1), **PREDICTION)
    axis.set_xlabel(text("step"))
    axis.set_ylabel(text("running total"))
    return {"figure": figure}
