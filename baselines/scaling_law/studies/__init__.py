"""Studies: what a run investigates."""
