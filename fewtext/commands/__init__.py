"""What the command line and the recipes run: train, evaluate, classify, demo."""
