"""Physics-informed neural networks against reference solutions whose error bar is known."""
