"""Graph layers in torch, one file a model; the options in `models/` configure them."""
