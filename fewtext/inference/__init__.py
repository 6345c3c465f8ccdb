"""A support set and a text in, an answer out."""
