"""Episodes in, weights out."""
