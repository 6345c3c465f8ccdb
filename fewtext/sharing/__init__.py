"""Giving a model away: in other formats."""
