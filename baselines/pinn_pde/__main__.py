"""Entry of `python -m baselines.pinn_pde`."""

from baselines.common.app import main

if __name__ == "__main__":
    main("pinn_pde")
