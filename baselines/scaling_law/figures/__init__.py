"""Figures of the topic, drawn from stored curves alone: one module a study."""

from pathlib import Path

from baselines.common.plotting import one_module_an_option

draw, ZH = one_module_an_option(__name__, Path(__file__).parent, "study")
