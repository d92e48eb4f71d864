"""Runs and models in MLflow: opened, logged, looked up, and the environment that they were made in."""
