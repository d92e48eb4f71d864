"""Distances on a reference's own bins: a table is counted once, counts merge, and what chance explains is known."""
