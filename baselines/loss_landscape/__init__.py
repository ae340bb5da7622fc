"""Loss landscapes and training dynamics: curvature along training, compared with what theory predicts."""
