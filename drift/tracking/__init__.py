"""The one door to MLflow: runs and their figures, the registry and its aliases. No other room imports mlflow."""
