"""Tables made from records: `python -m benchmarks` runs what is missing, then renders."""
