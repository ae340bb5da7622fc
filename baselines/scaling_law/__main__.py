"""`python -m baselines.scaling_law`."""

from baselines.common.app import main

if __name__ == "__main__":
    main("scaling_law")
