"""Over-smoothing in deep graph neural networks: accuracy, Dirichlet energies and rank against depth."""
