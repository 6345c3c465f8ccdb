"""Token ids in, log-probabilities out."""
