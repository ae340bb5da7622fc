"""Command line of the toy topic."""

from baselines.common.app import main

if __name__ == "__main__":
    main("toy")
