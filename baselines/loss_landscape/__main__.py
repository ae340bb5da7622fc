"""Entry of `python -m baselines.loss_landscape`."""

from baselines.common.app import main

if __name__ == "__main__":
    main("loss_landscape")
