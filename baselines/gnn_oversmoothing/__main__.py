"""Command line: ``python -m baselines.gnn_oversmoothing``."""

from baselines.common.app import main

if __name__ == "__main__":
    main("gnn_oversmoothing")
