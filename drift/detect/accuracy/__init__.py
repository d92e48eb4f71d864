"""Accuracies of blocks: tests against an accepted one, change points, forecasts, and two models on the same rows."""
