"""The training loop, its settings, early stopping and negative samples."""
