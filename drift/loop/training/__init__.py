"""Fitting a model with a search over parameters, and logging it as a base model."""
