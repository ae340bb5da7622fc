"""Scaling laws: exact theory and simulation of solvable models, and fits to the tables of published runs."""
