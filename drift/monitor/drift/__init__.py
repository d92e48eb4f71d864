"""Distances between a batch and the reference."""
