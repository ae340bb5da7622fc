"""Reference baselines for four research directions in deep-learning theory and AI for science."""

__version__ = "0.1.0"
