"""Sharing: the Hub, model cards, other formats."""
