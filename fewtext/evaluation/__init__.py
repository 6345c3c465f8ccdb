"""Weights in, numbers and pictures out."""
